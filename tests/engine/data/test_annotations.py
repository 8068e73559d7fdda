"""What stands beside the counts of a table in text is neither a gene nor a cell."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from engine.data import inspect_source, read_counts


@pytest.fixture
def table(counts_adata: ad.AnnData) -> pd.DataFrame:
    """Genes x cells, cells called by barcodes."""
    cells = [f"AAACCCTG{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16]}-1" for i in range(30)]
    genes = [f"RPL{j}" for j in range(12)]
    return pd.DataFrame(counts_adata.X.toarray().T.astype(int), genes, cells)


def told(counts) -> str:
    return " ".join((*counts.report.warnings, counts.report.source_reason))


@pytest.mark.parametrize("comment", ["", '# Program:featureCounts v2.0.6; Command:"x" "y"\n'])
@pytest.mark.parametrize("start", [[100] * 12, [100, "1;2", *[7] * 10]])
def test_places_of_genes_by_featurecounts(table, tmp_path, dense, comment, start):
    places = {"Chr": "1", "Start": start, "End": 9, "Strand": "+", "Length": 8}
    wide = pd.concat([pd.DataFrame(places, table.index), table], axis=1)
    text = wide.to_csv(sep="\t", index_label="Geneid")
    (tmp_path / "counts.txt").write_text(comment + text)
    counts = read_counts(tmp_path / "counts.txt", genes="all")
    np.testing.assert_array_equal(dense(counts), table.to_numpy().T)
    assert "no cells, and are kept beside the genes instead: Chr, Start, End" in told(counts)
    assert ("A line was skipped before the headings of counts.txt" in told(counts)) == bool(comment)


def test_headings_may_begin_with_a_hash(table, tmp_path, dense):
    table.to_csv(tmp_path / "counts.csv", index_label="#gene")
    counts = read_counts(tmp_path / "counts.csv", genes="all")
    np.testing.assert_array_equal(dense(counts), table.to_numpy().T)


def test_numbers_that_describe_cells(table, tmp_path, dense):
    cells = table.T
    cells.insert(0, "nCount_RNA", cells.sum(axis=1))
    cells.insert(1, "percent.mt", [np.nan, *[0.5] * 29])
    cells.to_csv(tmp_path / "counts.csv", na_rep="NA")
    counts = read_counts(tmp_path / "counts.csv", genes="all", library_size="nCount_RNA")
    np.testing.assert_array_equal(dense(counts), table.to_numpy().T)
    assert "no genes, and are kept beside the cells instead: nCount_RNA, percent.mt" in told(counts)


@pytest.mark.parametrize("cells_in", ["rows", "columns"])
def test_reads_of_no_gene(table, tmp_path, dense, cells_in):
    more = pd.DataFrame(5, ["__no_feature", "__ambiguous", "N_unmapped"], table.columns)
    whole = pd.concat([table, more])
    (whole if cells_in == "columns" else whole.T).to_csv(tmp_path / "counts.csv")
    counts = read_counts(tmp_path / "counts.csv", genes="all")
    np.testing.assert_array_equal(dense(counts), table.to_numpy().T)
    assert "no gene by its name: __no_feature, __ambiguous, N_unmapped" in told(counts)


@pytest.mark.parametrize("first", ["gene_id", "gene_name"])
def test_ids_and_symbols_of_genes_are_both_kept(table, tmp_path, first):
    names = {"gene_id": [f"ENSG{j:011d}" for j in range(12)], "gene_name": list(table.index)}
    second = next(name for name in names if name != first)
    table.insert(0, second, names[second])
    table.set_index(pd.Index(names[first])).to_csv(tmp_path / "counts.csv", index_label=first)
    counts = read_counts(tmp_path / "counts.csv", genes="all")
    assert list(counts.genes) == names["gene_name"]
    assert list(counts.gene_ids) == names["gene_id"]


def test_columns_of_one_name_are_told_apart(table, tmp_path, dense):
    cells = table.T
    cells["a"], cells["b"], cells["c"] = "l", "k", "m"
    cells.columns = [*table.index, "lab", "lab", "lab-2"]
    cells.to_csv(tmp_path / "counts.csv")
    counts = read_counts(tmp_path / "counts.csv", genes="all")
    np.testing.assert_array_equal(dense(counts), table.to_numpy().T)
    found = [column.name for column in inspect_source(tmp_path / "counts.csv").columns]
    assert found == ["lab", "lab-3", "lab-2"]
