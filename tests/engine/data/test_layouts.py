"""Folders that people have, each read right, or refused with the choice that helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.data import ChoiceNeeded, Counts, inspect_source, read_counts
from engine.errors import DataError
from tests.conftest import ROOT
from tests.engine.data.layouts import folder, lines, market, write

CASES = ROOT.parent / "shared" / "cases" / "formats"


def case(name: str) -> Path:
    path = CASES / name
    if not path.exists():
        pytest.skip(f"no {name} beside the project")
    return path


def size(counts: Counts) -> tuple[int, int, float]:
    return counts.n_cells, counts.n_genes, float(counts.library_size.sum())


def warned(counts: Counts) -> str:
    return " ".join(counts.report.warnings)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("geo/GSM101_B_matrix.mtx.gz", (50, 60, 132_216)),
        ("mtx_1col", (90, 60, 74_832)),
        ("mtx_2col_features_gz", (90, 60, 74_832)),
        ("mtx_v2_genes_gz", (90, 60, 74_832)),
        ("mtx_NA", (90, 60, 74_832)),
        ("mtx_quote1", (90, 60, 74_832)),
        ("mtx_transposed", (90, 60, 74_832)),
        ("cellbender03_filtered.h5", (90, 60, 74_832)),
        ("citeseq.h5", (90, 60, 74_832)),
        ("anndata_v0.7.8_adata.zarr", (30, 20, 302)),
    ],
)
def test_cases_are_read_as_their_makers_wrote_them(
    name: str, expected: tuple[int, int, float]
) -> None:
    assert size(read_counts(case(name), genes="all")) == expected


def test_cases_with_a_choice() -> None:
    velocity = read_counts(case("velocity_lognorm_X.h5ad"), genes="all")
    assert (velocity.layer, velocity.n_cells) == ("matrix", 40)
    with pytest.raises(ChoiceNeeded, match=r"2 in the folder geo: GSM100_A, GSM101_B.*--sample"):
        read_counts(case("geo"))
    with pytest.raises(ChoiceNeeded, match=r"12 of type Antibody Capture.*--feature-type"):
        read_counts(case("adt_only.h5"))
    with pytest.raises(ChoiceNeeded, match=r"corrected counts \(SoupX.*--round"):
        read_counts(case("soupx_X.h5ad"))
    rounded = read_counts(case("soupx_X.h5ad"), genes="all", round=True)
    assert "fractional values were rounded" in warned(rounded)
    both = read_counts(case("barnyard_v2.h5"), genes="all")
    assert size(both)[:2] == (90, 120)
    assert {name.split("_")[0] for name in both.genes} == {"hg19", "mm10"}


def test_a_sample_of_several_is_the_one_named(counts_adata, tmp_path, dense):
    other = counts_adata[:20].copy()
    other.X = other.X * 3
    folder(counts_adata, tmp_path / "geo", "GSM1_A_")
    folder(other, tmp_path / "geo", "GSM10_B.")
    for source, sample in (
        (tmp_path / "geo" / "GSM10_B.matrix.mtx.gz", None),
        (tmp_path / "geo", "gsm10_b"),
    ):
        counts = read_counts(source, genes="all", sample=sample)
        np.testing.assert_array_equal(dense(counts), other.X.toarray())
        assert counts.name == "GSM10_B"
    with pytest.raises(ChoiceNeeded, match="GSM10_B, GSM1_A") as caught:
        read_counts(tmp_path / "geo")
    assert caught.value.offer.options == ("GSM10_B", "GSM1_A")
    with pytest.raises(ChoiceNeeded, match=r"one of GSM10_B, GSM1_A; found 'C'"):
        read_counts(tmp_path / "geo", sample="C")
    # Files of names of another sample are not borrowed.
    (tmp_path / "geo" / "GSM1_A_features.tsv.gz").unlink()
    with pytest.raises(DataError, match="no GSM1_A_features"):
        read_counts(tmp_path / "geo", sample="GSM1_A")


def test_samples_in_folders_of_their_own(counts_adata, tmp_path, dense):
    folder(counts_adata, tmp_path / "run" / "one" / "filtered_feature_bc_matrix")
    assert read_counts(tmp_path / "run").n_cells == 30
    folder(counts_adata[:9].copy(), tmp_path / "run" / "two" / "filtered_feature_bc_matrix")
    with pytest.raises(ChoiceNeeded, match="one/filtered_feature_bc_matrix, two/"):
        read_counts(tmp_path / "run")
    chosen = read_counts(tmp_path / "run", sample="two/filtered_feature_bc_matrix")
    assert chosen.n_cells == 9


@pytest.mark.parametrize("name", ["NA", "nan", "NULL", '"odd', "1", "a b", "TRUE", "#x", "'q"])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_names_of_genes_are_as_written(counts_adata, tmp_path, name, columns):
    folder(counts_adata, tmp_path / "out", gz="")
    names = [name, *counts_adata.var_names[1:]]
    rows = [
        (f"E{j}", gene, "Gene Expression")[-columns if columns == 1 else 0 : columns]
        for j, gene in enumerate(names)
    ]
    rows = [(gene,) for gene in names] if columns == 1 else rows
    write(tmp_path / "out" / "features.tsv", lines("\t".join(row) for row in rows))
    assert list(read_counts(tmp_path / "out", genes="all").genes) == names


def test_headings_of_files_of_names_are_no_names(counts_adata, tmp_path, dense):
    folder(counts_adata, tmp_path / "out", gz="")
    (tmp_path / "out" / "features.tsv").unlink()
    write(tmp_path / "out" / "genes.tsv.gz", "x\r\n" + "\r\n".join(counts_adata.var_names))
    write(tmp_path / "out" / "barcodes.tsv", "barcode\n" + lines(counts_adata.obs_names))
    counts = read_counts(tmp_path / "out", genes="all")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert (counts.genes[0], counts.cells[0]) == ("gene0", "cell0")


def test_symbols_before_ids_are_symbols(counts_adata, tmp_path):
    folder(counts_adata, tmp_path / "out")
    ids = [f"ENSG{j:011d}" for j in range(12)]
    rows = (f"{name}\t{own}" for name, own in zip(counts_adata.var_names, ids, strict=True))
    write(tmp_path / "out" / "features.tsv.gz", lines(rows))
    counts = read_counts(tmp_path / "out", genes="all")
    assert list(counts.genes) == list(counts_adata.var_names)
    assert list(counts.gene_ids) == ids


def test_long_names_of_samples_are_told_apart(counts_adata, tmp_path):
    for sample in "AB":
        name = f"tumour_of_patient_0000001_of_the_cohort_{sample}_of_the_second_batch_2023_final_"
        folder(counts_adata[:2].copy(), tmp_path / "geo", name)
    with pytest.raises(ChoiceNeeded) as caught:
        read_counts(tmp_path / "geo")
    told = caught.value.got.split(": ")[1].split(", ")
    assert len(set(told)) == 2


def test_a_matrix_on_its_side(counts_adata, tmp_path, dense):
    folder(counts_adata, tmp_path / "out")
    market(tmp_path / "out" / "matrix.mtx.gz", counts_adata.X)
    counts = read_counts(tmp_path / "out", genes="all")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert "is cells × genes (30 × 12)" in counts.report.source_reason
    with pytest.raises(ChoiceNeeded, match="Leave the choice out"):
        read_counts(tmp_path / "out", cells_in="columns")
    square = counts_adata[:12].copy()
    folder(square, tmp_path / "square")
    with pytest.raises(ChoiceNeeded, match=r"as many cells as features \(12\).*--cells-in"):
        read_counts(tmp_path / "square")
    for way, matrix in (("columns", square.X), ("rows", square.X.T)):
        counts = read_counts(tmp_path / "square", genes="all", cells_in=way)
        np.testing.assert_array_equal(dense(counts), matrix.toarray())


def test_lengths_that_fit_neither_way(counts_adata, tmp_path):
    folder(counts_adata, tmp_path / "out")
    write(tmp_path / "out" / "barcodes.tsv.gz", lines(counts_adata.obs_names[:20]))
    with pytest.raises(DataError, match=r"12 features and 20 cells.*12 x 30"):
        read_counts(tmp_path / "out")


def test_kallisto_and_parse_are_cells_by_genes(counts_adata, tmp_path, dense):
    adata = counts_adata[:12].copy()
    kb, parse = tmp_path / "kb", tmp_path / "parse"
    market(kb / "cells_x_genes.mtx", adata.X)
    write(kb / "cells_x_genes.barcodes.txt", lines(adata.obs_names))
    write(kb / "cells_x_genes.genes.txt", lines(f"ENSG{j}" for j in range(12)))
    write(kb / "cells_x_genes.genes.names.txt", lines(adata.var_names))
    market(parse / "DGE.mtx", adata.X)
    rows = (f"ENSG{j},{name},hg38" for j, name in enumerate(adata.var_names))
    write(parse / "all_genes.csv", "gene_id,gene_name,genome\n" + lines(rows))
    rows = (f'{name},"brain, left",{i}' for i, name in enumerate(adata.obs_names))
    write(parse / "cell_metadata.csv", "bc_wells,sample,gene_count\n" + lines(rows))
    for source in (kb, parse):
        counts = read_counts(source, genes="all")
        np.testing.assert_array_equal(dense(counts), adata.X.toarray())
        assert list(counts.genes) == list(adata.var_names)
        assert "Cells are in rows" in counts.report.source_reason
    assert list(counts.obs["sample"].unique()) == ["brain, left"]
    assert counts.obs["gene_count"].dtype.kind == "f" or counts.obs["gene_count"].iloc[-1] == 11


def test_starsolo_velocity_is_summed(counts_adata, tmp_path, dense):
    out = tmp_path / "Velocyto" / "raw"
    folder(counts_adata, out, gz="")
    (out / "matrix.mtx").unlink()
    for part, factor in (("spliced", 1), ("unspliced", 2), ("ambiguous", 4)):
        market(out / f"{part}.mtx", counts_adata.X.T * factor)
    counts = read_counts(out, genes="all")
    np.testing.assert_array_equal(dense(counts), 7 * counts_adata.X.toarray())
    assert counts.layer == "spliced + unspliced + ambiguous"
    assert "sum of the layers" in warned(counts)
    alone = read_counts(out / "unspliced.mtx", genes="all")
    assert "a part of the counts alone" in warned(alone)
    # One of several ways to give reads to genes, beside the plain one.
    gene = folder(counts_adata, tmp_path / "Gene" / "raw", gz="")
    market(gene / "UniqueAndMult-EM.mtx", counts_adata.X.T * 9)
    counts = read_counts(gene, genes="all")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert "Read matrix.mtx, the reads of one gene alone" in counts.report.source_reason
    assert "--sample UniqueAndMult-EM" in counts.report.source_reason
    (offer,) = inspect_source(gene).offers
    assert (offer.options, offer.chosen) == (("raw", "UniqueAndMult-EM"), "raw")
    counts = read_counts(gene, genes="all", sample="UniqueAndMult-EM")
    np.testing.assert_array_equal(dense(counts), 9 * counts_adata.X.toarray())


@pytest.mark.parametrize("sums", [(), ("cell", "nucleus", "total")])
def test_the_parts_of_kallisto_are_summed(counts_adata, tmp_path, dense, sums):
    factors = {"mature": 1, "nascent": 2, "ambiguous": 4, "cell": 5, "nucleus": 6, "total": 7}
    for part in ("mature", "nascent", "ambiguous", *sums):
        market(tmp_path / "kb" / f"cells_x_genes.{part}.mtx", counts_adata.X * factors[part])
    write(tmp_path / "kb" / "cells_x_genes.barcodes.txt", lines(counts_adata.obs_names))
    write(tmp_path / "kb" / "cells_x_genes.genes.txt", lines(counts_adata.var_names))
    counts = read_counts(tmp_path / "kb", genes="all")
    np.testing.assert_array_equal(dense(counts), 7 * counts_adata.X.toarray())
    assert "sum of the layers mature, nascent, ambiguous" in warned(counts)
    # Of two samples, they are not parts of one another.
    market(tmp_path / "kb" / "other.mature.mtx", counts_adata.X)
    with pytest.raises(ChoiceNeeded, match="in the folder kb"):
        read_counts(tmp_path / "kb")


def test_links_out_of_a_folder_are_refused(counts_adata, tmp_path):
    folder(counts_adata, tmp_path / "out")
    secret = write(tmp_path / "secret", lines(f"SECRET{j}" for j in range(12)))
    (tmp_path / "out" / "features.tsv.gz").unlink()
    (tmp_path / "out" / "features.tsv").symlink_to(secret)
    with pytest.raises(DataError, match="pointing elsewhere") as caught:
        read_counts(tmp_path / "out")
    assert "SECRET" not in str(caught.value)


def test_names_that_fill_memory_are_refused(counts_adata, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.data.namefiles.TEXT_FREE", 10_000)
    folder(counts_adata, tmp_path / "out")
    write(tmp_path / "out" / "features.tsv.gz", "g\n" * 1_000_000)
    with pytest.raises(DataError, match="in proportion to the size of the file"):
        read_counts(tmp_path / "out")
