import numpy as np
import pytest

from engine.data import inspect_source, read_counts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cells", "genes", "median", "label"),
    [
        ("pbmc3k.h5ad", 2700, 16634, 2197, "cell_type"),
        ("sc_mixology_500.h5ad", 3918, 500, 3681, "cell_line"),
        ("agp_otu.h5ad", 738, 4339, 23428, "IBD"),
    ],
)
def test_known_facts(shared_file, check_invariants, name, cells, genes, median, label):
    path = shared_file(name)
    counts = read_counts(path)
    check_invariants(counts)
    assert counts.n_cells == cells
    assert counts.report.genes_found == genes
    assert counts.n_genes == min(genes, 2001)
    assert np.median(counts.totals) == pytest.approx(median, abs=1)
    assert label in counts.obs
    info = inspect_source(path)
    assert (info.n_cells, info.n_genes, info.guess) == (cells, genes, "X")


@pytest.mark.slow
def test_markers_are_among_the_variable_genes(shared_file):
    counts = read_counts(shared_file("pbmc3k.h5ad"), genes=500)
    assert {"LYZ", "NKG7", "CD79A", "PPBP", "S100A8", "GNLY"} <= set(counts.genes)


def test_library_sizes_beyond_the_file(shared_file):
    path = shared_file("sc_mixology_500.h5ad")
    counts = read_counts(path, library_size="total_counts_all_genes")
    assert counts.genes[-1] == "_other"
    np.testing.assert_array_equal(counts.totals, counts.obs["total_counts_all_genes"])
    assert "library_size" in read_counts(path).report.warnings[0]
