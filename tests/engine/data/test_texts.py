"""Tables in text are read the way their names tell, and refused where these do not."""

from __future__ import annotations

import gzip

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from engine.data import ChoiceNeeded, read_counts
from engine.errors import DataError


@pytest.fixture
def barcoded(counts_adata):
    """Cells called by barcodes, genes by symbols."""
    rng = np.random.default_rng(2)
    counts_adata.obs_names = ["".join(rng.choice(list("ACGT"), 12)) + "-1" for _ in range(30)]
    counts_adata.var_names = [*(f"RPL{j}" for j in range(11)), "NA"]
    return counts_adata


def frame(adata: ad.AnnData) -> pd.DataFrame:
    return pd.DataFrame(adata.X.toarray().astype(int), adata.obs_names, adata.var_names)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt.gz", ".csv.gz"])
@pytest.mark.parametrize("cells_in", ["rows", "columns"])
@pytest.mark.parametrize("corner", [True, False])
def test_tables_in_text(barcoded, tmp_path, dense, suffix, cells_in, corner):
    table = frame(barcoded) if cells_in == "rows" else frame(barcoded).T
    separator = "," if "csv" in suffix else "\t"
    text = table.to_csv(sep=separator, index_label=None if corner else False)
    if not corner:
        assert text.split("\n")[0].count(separator) == table.shape[1] - 1
    path = tmp_path / f"counts{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    counts = read_counts(path, genes="all")
    np.testing.assert_array_equal(dense(counts), barcoded.X.toarray())
    assert list(counts.genes) == list(barcoded.var_names)
    assert list(counts.cells) == list(barcoded.obs_names)
    assert f"Cells are in {cells_in} of" in " ".join(counts.report.warnings)


def test_tables_that_do_not_tell(counts_adata, tmp_path, dense):
    table = frame(counts_adata)
    table.index, table.columns = (
        [f"{start}{i}" for i in range(length)] for start, length in (("x", 30), ("y", 12))
    )
    path = tmp_path / "counts.csv"
    table.to_csv(path)
    with pytest.raises(ChoiceNeeded, match=r"rows like x0 and columns like y0.*--cells-in rows"):
        read_counts(path)
    counts = read_counts(path, genes="all", cells_in="rows")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    turned = read_counts(path, genes="all", cells_in="columns")
    assert (turned.n_cells, turned.n_genes) == (12, 30)
    # The corner of a table of Drop-seq, and numbered cells of pandas.
    table.T.to_csv(path, index_label="GENE")
    assert read_counts(path).n_cells == 30
    table.reset_index(drop=True).to_csv(path)
    assert read_counts(path).n_cells == 30


def test_labels_beside_the_counts(barcoded, tmp_path, dense):
    table = frame(barcoded)
    table.insert(0, "type", ["a", "b", "c"] * 10)
    table.to_csv(tmp_path / "counts.csv", quoting=1)
    counts = read_counts(tmp_path / "counts.csv", genes="all")
    np.testing.assert_array_equal(dense(counts), barcoded.X.toarray())
    assert list(counts.obs["type"]) == ["a", "b", "c"] * 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gene,AAACCCTG,AAACCCTT\nRPL1,1,\nRPL2,1,2\n", "a number in every field"),
        ("gene,AAACCCTG,AAACCCTT\nRPL1,x,y\nRPL2,z,w\n", "another kind"),
        ("gene,AAACCCTG,AAACCCTT,x,y\nRPL1,1,2\n", "as many headings as columns"),
        ("1,2,3\n4,5,6\n7,8,10\n", "numbers in the first line"),
        ("just words\nand more of them\n", "as many headings as columns"),
        ("a\nb\n", "no columns"),
        ("gene,AAACCCTG,AAACCCTT\nRPL1,1,1_0\nRPL2,1,2\n", "a number in every field"),
        ("gene;AAACCCTG;AAACCCTT\nRPL1;1,5;0\nRPL2;1;2\n", "decimal commas in row 1"),
        ("gene;AAACCCTG;AAACCCTT\nRPL1;1;0\nRPL2;1,0;2\n", "decimal commas in row 2"),
    ],
)
def test_tables_that_are_none(tmp_path, text, expected):
    (tmp_path / "counts.csv").write_text(text)
    with pytest.raises(DataError, match=expected):
        read_counts(tmp_path / "counts.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("packed", [False, True])
def test_tables_in_utf16_are_refused_by_name(barcoded, tmp_path, encoding, packed):
    text = "\ufeff" * (encoding != "utf-16") + frame(barcoded).to_csv()
    content = text.encode(encoding)
    path = tmp_path / ("counts.csv.gz" if packed else "counts.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match="UTF-16 in counts"):
        read_counts(path)


def test_names_in_another_encoding_are_told(barcoded, tmp_path):
    table = frame(barcoded).rename(columns={barcoded.var_names[0]: "Gène"})
    (tmp_path / "counts.csv").write_bytes(table.to_csv().encode("latin-1"))
    said = " ".join(read_counts(tmp_path / "counts.csv", genes="all").report.warnings)
    assert "1 names of counts.csv hold characters that are not UTF-8" in said
    (tmp_path / "counts.csv").write_bytes(table.to_csv().encode())
    counts = read_counts(tmp_path / "counts.csv", genes="all")
    assert "Gène" in counts.genes
    assert "UTF-8" not in " ".join(counts.report.warnings)


def test_a_table_too_large_for_memory(barcoded, tmp_path, monkeypatch):
    frame(barcoded).to_csv(tmp_path / "counts.csv")
    monkeypatch.setattr("engine.data.texts.memory_budget", lambda: 100)
    with pytest.raises(DataError, match="a table that fits into memory"):
        read_counts(tmp_path / "counts.csv")


def test_rows_longer_than_the_headings_are_refused(tmp_path):
    for row in ("1,2,3", "1", ""):
        text = f"gene,AAACCCTG,AAACCCTT\nRPL1,1,2\nRPL2,{row}\n"
        (tmp_path / "counts.csv").write_text(text)
        with pytest.raises(DataError, match=r"2 numbers in each row; found . in row 2"):
            read_counts(tmp_path / "counts.csv")


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.data.texts.LONGEST_LINE", 1_000_000)
    content = "gene,AAACCCTG,AAACCCTT\nRPL1,1,2\nRPL2," + "1" * 3_000_000
    (tmp_path / "counts.csv.gz").write_bytes(gzip.compress(content.encode()))
    with pytest.raises(DataError, match="does not end"):
        read_counts(tmp_path / "counts.csv.gz")
