"""What cannot be modelled is refused in words: expected, found, remedy."""

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr
from scipy import sparse

from engine.data import read_counts
from engine.errors import ConfigError, DataError
from engine.lnm.config import LNMConfig
from engine.lnm.requirements import check_config


def spoil(adata, value):
    adata = adata.copy()
    matrix = adata.X.toarray()
    matrix[4, 7] = value
    adata.X = sparse.csr_matrix(matrix)
    return adata


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.nan, "NaN or infinite"),
        (np.inf, "NaN or infinite"),
        (-1, "negative"),
        (0.5, "fractional"),
        (3e9, "absurdly large"),
    ],
)
@pytest.mark.parametrize("backed", [True, False])
def test_values_that_are_no_counts(counts_adata, tmp_path, value, expected, backed):
    spoil(counts_adata, value).write_h5ad(tmp_path / "data.h5ad")
    with pytest.raises(DataError) as caught:
        read_counts(tmp_path / "data.h5ad", layer="X", backed=backed)
    assert expected in caught.value.got
    assert "cell cell4, gene gene7" in caught.value.got
    assert caught.value.remedy


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_negatives_that_became_large_are_no_counts(counts_adata, dtype):
    matrix = counts_adata.X.toarray().astype(dtype)
    matrix[4, 7] = np.iinfo(dtype).max
    counts_adata.X = sparse.csr_matrix(matrix)
    with pytest.raises(DataError, match="absurdly large"):
        read_counts(counts_adata, layer="X")


def test_the_remedy_names_the_layer_with_counts(counts_adata):
    adata = counts_adata.copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = np.log1p(adata.X)
    with pytest.raises(DataError, match=r"looks normalised.*layers\['counts'\]"):
        read_counts(adata, layer="X")


def test_no_layer_holds_counts(counts_adata):
    adata = counts_adata.copy()
    adata.layers["scaled"] = adata.X.toarray() - 1.5
    adata.layers["nothing"] = adata.X * 0
    adata.X = np.log1p(adata.X)
    with pytest.raises(DataError) as caught:
        read_counts(adata)
    assert "X holds fractions, which look log-normalised" in caught.value.got
    assert "scaled holds negative values, which look scaled" in caught.value.got
    assert "nothing holds only zeros" in caught.value.got


def test_only_zeros(counts_adata):
    counts_adata.X = counts_adata.X * 0
    with pytest.raises(DataError, match="only zeros"):
        read_counts(counts_adata)
    with pytest.raises(DataError, match="only zeros"):
        read_counts(counts_adata, layer="X")


def test_counts_a_rounding_error_away_are_whole(counts_adata, dense):
    exact = dense(read_counts(counts_adata, genes="all"))
    counts_adata.X = counts_adata.X.astype(np.float64) * (1 + 1e-9)
    assert (dense(read_counts(counts_adata, genes="all")) == exact).all()


def test_empty_cells_and_silent_genes_are_left_out_by_name(counts_adata, check_invariants):
    matrix = counts_adata.X.toarray()
    matrix[[2, 9]] = 0
    matrix[:, [1, 4, 6]] = 0
    counts_adata.X = sparse.csr_matrix(matrix)
    counts = read_counts(counts_adata, genes="all")
    check_invariants(counts)
    report = counts.report
    assert report.dropped_cells == ("cell2", "cell9")
    assert report.dropped_genes == ("gene1", "gene4", "gene6")
    assert (counts.n_cells, counts.n_genes) == (28, 9)
    assert counts.obs.loc["cell10", "label"] == "b"
    row = counts.cells.get_loc("cell29")
    np.testing.assert_array_equal(counts.block(row, row + 1)[0], matrix[29][matrix.any(0)])
    text = " ".join(report.lines())
    assert "Left out 2 cells without counts (cell2, cell9)." in text
    assert "Left out 3 genes never expressed" in text
    assert report.to_dict()["dropped_genes"] == ["gene1", "gene4", "gene6"]


@pytest.mark.parametrize("part", [np.s_[:0], np.s_[:, :0]])
@pytest.mark.parametrize("place", ["memory", "h5ad", "zarr"])
def test_no_cells_or_no_genes(counts_adata, tmp_path, part, place):
    source = counts_adata[part].copy()
    if place != "memory":
        getattr(source, f"write_{place}")(tmp_path / f"data.{place}")
        source = tmp_path / f"data.{place}"
    with pytest.raises(DataError, match="at least one cell and one gene"):
        read_counts(source)


def test_one_gene_cannot_be_compared(counts_adata):
    with pytest.raises(DataError, match="at least two features"):
        read_counts(counts_adata[:, :1].copy())


def test_an_anndata_without_a_matrix(counts_adata, tmp_path):
    counts_adata.X = None
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    counts_adata.write_zarr(tmp_path / "data.zarr")
    for source in (counts_adata, tmp_path / "data.h5ad", tmp_path / "data.zarr"):
        with pytest.raises(DataError, match="a matrix of counts"):
            read_counts(source)


def test_absurd_dimensions(counts_adata, tmp_path, monkeypatch):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    monkeypatch.setattr("engine.data.size_limits.MAX_GENES", 10)
    with pytest.raises(DataError, match=r"at most .* 10 genes; found 30 cells and 12 genes"):
        read_counts(tmp_path / "data.h5ad")


def test_arrays_out_of_proportion(tmp_path):
    """Two kilobytes that claim to be a terabyte of zeros."""
    root = zarr.open_group(tmp_path / "data.zarr", mode="w")
    root.attrs["encoding-type"] = "anndata"
    for name in ("obs", "var"):
        group = root.create_group(name)
        group.attrs["_index"] = "_index"
        group.create_array("_index", shape=(500_000,), dtype="int8")
    root.create_array("X", shape=(500_000, 500_000), dtype="int32")
    with pytest.raises(DataError, match="in proportion to the size"):
        read_counts(tmp_path / "data.zarr")


def test_names_that_do_not_fit_the_matrix(counts_adata, tmp_path):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    with h5py.File(tmp_path / "data.h5ad", "r+") as file:
        file["X"].attrs["shape"] = [30, 11]
    with pytest.raises(DataError, match=r"30 cells x 12 genes in X.*30 x 11"):
        read_counts(tmp_path / "data.h5ad")


def test_layers_that_are_no_matrix_of_numbers(counts_adata):
    adata = counts_adata.copy()
    adata.layers["words"] = np.full(adata.shape, "word", dtype=object)
    assert read_counts(adata).layer == "X"
    with pytest.raises(DataError, match="a layer among X;"):
        read_counts(adata, layer="words")
    adata.X = None
    with pytest.raises(DataError, match="a matrix of numbers"):
        read_counts(adata)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("", "a path"), (None, "a path"), (3, "a path"), ("no/such/file.h5ad", "nothing there")],
)
def test_sources_that_are_nothing(source, expected):
    with pytest.raises(DataError, match=expected):
        read_counts(source)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.h5ad", b"", "an empty file"),
        ("table.csv", b"gene,cell\n1,2\n", "a file of another kind"),
        ("odd\x1b[31m<b>.h5ad", b"no", "a file of another kind"),
    ],
)
def test_files_of_another_kind(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=expected) as caught:
        read_counts(tmp_path / name)
    assert "\x1b" not in str(caught.value)


def test_folders_of_another_kind(tmp_path):
    with pytest.raises(DataError, match="a folder that is neither"):
        read_counts(tmp_path)
    zarr.open_group(tmp_path / "other.zarr", mode="w")
    with pytest.raises(DataError, match="no AnnData"):
        read_counts(tmp_path / "other.zarr")


def test_a_truncated_file(counts_adata, tmp_path):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    content = (tmp_path / "data.h5ad").read_bytes()
    (tmp_path / "data.h5ad").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"damaged.*truncated"):
        read_counts(tmp_path / "data.h5ad")


def test_a_file_that_vanishes_under_a_stream(counts_adata, tmp_path):
    counts_adata.write_zarr(tmp_path / "data.zarr")
    counts = read_counts(tmp_path / "data.zarr", backed=True)
    for chunk in (tmp_path / "data.zarr" / "X" / "indices").rglob("*"):
        if chunk.is_file():
            chunk.write_bytes(b"gone")
    with pytest.raises(DataError, match="damaged"):
        counts.block(0, 5)


@pytest.mark.parametrize("shape", [(4, 12), (30, 4), (2, 2)])
def test_fewer_factors_than_cells_and_genes(counts_adata, shape):
    counts = read_counts(counts_adata[: shape[0], : shape[1]].copy(), genes="all")
    limit = min(counts.n_cells, counts.n_genes)
    check_config(counts, LNMConfig(n_factors=limit - 1))
    with pytest.raises(ConfigError, match=f"at most {limit - 1} factors"):
        check_config(counts, LNMConfig(n_factors=limit))


@pytest.mark.slow
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_lost_chunks_are_never_read_as_zeros_without_a_word(
    counts_adata, tmp_path, kind, zarr_format
):
    path = tmp_path / "data.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    matrix = sparse.csr_matrix(counts_adata.X)
    parts = {"obs": counts_adata.obs, "var": counts_adata.var}
    parts["X"] = matrix if kind == "sparse" else matrix.toarray()
    for name, part in parts.items():
        chunks = {"chunks": (60,) if kind == "sparse" else (10, 12)} if name == "X" else {}
        ad.io.write_elem(root, name, part, dataset_kwargs=chunks)
    whole = read_counts(path, genes="all")
    assert not whole.report.warnings
    values = [
        p for p in (path / "X").rglob("*") if p.is_file() and not p.name.startswith((".z", "zarr"))
    ]
    assert len(values) > 2
    for lost in values:
        content = lost.read_bytes()
        lost.unlink()
        if kind == "sparse":
            with pytest.raises(DataError, match=r"1 of \d chunks of X/\w+ are missing"):
                read_counts(path, genes="all")
        else:
            said = read_counts(path, genes="all").report.warnings
            assert any("1 of the 3 chunks of X are not in the folder" in text for text in said)
        lost.write_bytes(content)
