"""Every format gives the same counts, in memory or streamed."""

import gzip
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import scipy.io
from scipy import sparse

from engine.data import DataRequest, memory, read_counts
from engine.errors import DataError


def as_kind(adata: ad.AnnData, kind: str) -> ad.AnnData:
    adata = adata.copy()
    convert = {
        "csr": sparse.csr_matrix,
        "csc": sparse.csc_matrix,
        "csr_array": sparse.csr_array,
        "dense": lambda matrix: matrix.toarray(),
        "int": lambda matrix: matrix.astype(np.int64),
        "big_endian": lambda matrix: matrix.toarray().astype(">f4"),
        "half": lambda matrix: matrix.toarray().astype(np.float16),
    }[kind]
    adata.X = convert(adata.X)
    return adata


def write_tenx_h5(adata: ad.AnnData, path: Path, extra: int = 0) -> None:
    """Cell Ranger 3 layout, with `extra` antibody features that hold counts too."""
    matrix = sparse.csr_matrix(
        sparse.hstack([adata.X, sparse.csr_matrix(np.full((adata.n_obs, extra), 5))])
    )
    names = [*adata.var_names, *(f"antibody{j}" for j in range(extra))]
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["data"] = matrix.data.astype(np.int32)
        group["indices"], group["indptr"] = matrix.indices.astype("i8"), matrix.indptr.astype("i8")
        group["shape"] = np.array(matrix.shape[::-1])
        group["barcodes"] = np.array(list(adata.obs_names), dtype="S")
        features = group.create_group("features")
        features["name"] = features["id"] = np.array(names, dtype="S")
        kinds = ["Gene Expression"] * adata.n_vars + ["Antibody Capture"] * extra
        features["feature_type"] = np.array(kinds, dtype="S")
        features["genome"] = np.array(["GRCh38"] * len(names), dtype="S")


def write_tenx_folder(adata: ad.AnnData, folder: Path, *, legacy: bool, prefix: str = "") -> None:
    folder.mkdir()
    scipy.io.mmwrite(folder / "plain.mtx", sparse.coo_matrix(adata.X.T.astype(int)))
    matrix = (folder / "plain.mtx").read_bytes()
    (folder / "plain.mtx").unlink()
    kind = "" if legacy else "\tGene Expression"
    genes = "".join(f"ENS{j}\t{name}{kind}\n" for j, name in enumerate(adata.var_names)).encode()
    barcodes = "".join(f"{name}\n" for name in adata.obs_names).encode()
    parts = {"matrix.mtx": matrix, "barcodes.tsv": barcodes}
    parts["genes.tsv" if legacy else "features.tsv"] = genes
    for name, content in parts.items():
        if legacy:
            (folder / f"{prefix}{name}").write_bytes(content)
        else:
            (folder / f"{prefix}{name}.gz").write_bytes(gzip.compress(content))


@pytest.mark.parametrize("kind", ["csr", "csc", "csr_array", "dense", "int", "big_endian", "half"])
@pytest.mark.parametrize("place", ["memory", "h5ad", "zarr"])
def test_matrix_kinds_and_places_agree(counts_adata, tmp_path, dense, kind, place):
    expected = read_counts(counts_adata, genes="all")
    source = as_kind(counts_adata, kind)
    if place == "h5ad":
        source.write_h5ad(tmp_path / "data.h5ad", compression="gzip")
        source = tmp_path / "data.h5ad"
    elif place == "zarr":
        source.write_zarr(tmp_path / "data.zarr")
        source = tmp_path / "data.zarr"
    counts = read_counts(source, genes="all")
    np.testing.assert_array_equal(dense(counts), dense(expected))
    assert counts.fingerprint == expected.fingerprint
    assert list(counts.obs["label"]) == list(counts_adata.obs["label"])


@pytest.mark.parametrize("kind", ["csr", "dense"])
@pytest.mark.parametrize("place", ["h5ad", "zarr"])
def test_streamed_equals_in_memory(
    counts_adata, tmp_path, dense, check_invariants, kind, place, monkeypatch
):
    # Small blocks, empty cells and silent genes: the paths a large file takes.
    monkeypatch.setattr("engine.data.rows.BLOCK_VALUES", 40)
    matrix = counts_adata.X.toarray()
    matrix[[3, 4, 17, 29]] = 0
    matrix[:, 5] = 0
    counts_adata.X = sparse.csr_matrix(matrix)
    path = tmp_path / f"data.{place}"
    getattr(as_kind(counts_adata, kind), f"write_{place}")(path)
    streamed = read_counts(path, genes=4, backed=True)
    held = read_counts(path, genes=4, backed=False)
    assert streamed.matrix() is None
    assert streamed.report.streamed
    check_invariants(streamed)
    np.testing.assert_array_equal(dense(streamed), dense(held))
    np.testing.assert_array_equal(held.matrix().toarray(), dense(held))
    assert streamed.fingerprint == held.fingerprint
    assert list(streamed.genes) == list(held.genes)
    assert streamed.report.dropped_cells == ("cell3", "cell4", "cell17", "cell29")
    chosen = np.array([20, 3, 11, 0])
    np.testing.assert_array_equal(dense(streamed.take(chosen)), dense(held)[chosen])
    assert list(streamed.take(chosen).cells) == list(held.cells[chosen])
    assert streamed.take(chosen).fingerprint == held.take(chosen).fingerprint


def test_backed_anndata_is_streamed(counts_adata, tmp_path, dense):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    backed = ad.read_h5ad(tmp_path / "data.h5ad", backed="r")
    counts = read_counts(backed, genes="all", backed=True)
    assert counts.matrix() is None
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    backed.file.close()


@pytest.mark.parametrize("step", [1, 7, 30, 100])
def test_blocks_partition_the_cells(counts_adata, tmp_path, dense, step):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    counts = read_counts(tmp_path / "data.h5ad", genes=5, backed=True)
    blocks = [counts.block(start, start + step) for start in range(0, counts.n_cells, step)]
    np.testing.assert_array_equal(np.concatenate(blocks), dense(counts))
    assert counts.block(30, 40).shape == (0, 6)


def test_size_decides_whether_to_stream(counts_adata, tmp_path, monkeypatch):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    assert not read_counts(tmp_path / "data.h5ad").report.streamed
    monkeypatch.setattr("engine.data.read.memory_budget", lambda: 100)
    assert read_counts(tmp_path / "data.h5ad").report.streamed
    assert not read_counts(counts_adata).report.streamed


def test_csc_too_large_for_memory(counts_adata, tmp_path):
    as_kind(counts_adata, "csc").write_h5ad(tmp_path / "data.h5ad")
    with pytest.raises(DataError, match=r"stored by columns.*tocsr"):
        read_counts(tmp_path / "data.h5ad", backed=True)


def test_memory_budget_is_a_share_of_what_there_is():
    assert 0 < memory.memory_budget() < memory.available_memory() < 2**50


def test_reading_leaves_a_users_anndata_alone(counts_adata):
    matrix = counts_adata.X
    matrix.indices[:2] = matrix.indices[1::-1]
    matrix.data[:2] = matrix.data[1::-1]
    matrix.has_sorted_indices = False
    before = matrix.indices.copy(), matrix.data.copy()
    read_counts(counts_adata)
    np.testing.assert_array_equal(matrix.indices, before[0])
    np.testing.assert_array_equal(matrix.data, before[1])


def test_tenx_h5(counts_adata, tmp_path, dense):
    write_tenx_h5(counts_adata, tmp_path / "filtered.h5", extra=3)
    counts = read_counts(tmp_path / "filtered.h5", genes="all")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert list(counts.genes) == list(counts_adata.var_names)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("prefix", ["", "sample_"])
def test_tenx_folder(counts_adata, tmp_path, dense, legacy, prefix):
    write_tenx_folder(counts_adata, tmp_path / "out", legacy=legacy, prefix=prefix)
    counts = read_counts(tmp_path / "out", genes="all")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert list(counts.cells) == list(counts_adata.obs_names)
    file = next((tmp_path / "out").glob("*matrix.mtx*"))
    assert read_counts(file, genes="all").fingerprint == counts.fingerprint


def test_tenx_too_large_or_incomplete(counts_adata, tmp_path, monkeypatch):
    write_tenx_folder(counts_adata, tmp_path / "out", legacy=False)
    write_tenx_h5(counts_adata, tmp_path / "filtered.h5")
    monkeypatch.setattr("engine.data.tenx.memory_budget", lambda: 100)
    for path in (tmp_path / "out", tmp_path / "filtered.h5"):
        with pytest.raises(DataError, match=r"fits into memory.*h5ad"):
            read_counts(path)
    (tmp_path / "out" / "barcodes.tsv.gz").unlink()
    with pytest.raises(DataError, match=r"no barcodes\.tsv\.gz"):
        read_counts(tmp_path / "out")


def test_tenx_with_damaged_indices(counts_adata, tmp_path):
    write_tenx_h5(counts_adata, tmp_path / "filtered.h5")
    with h5py.File(tmp_path / "filtered.h5", "r+") as file:
        file["matrix/indices"][5] = 2**40
    with pytest.raises(DataError, match="damaged"):
        read_counts(tmp_path / "filtered.h5")


def test_announced_entries_beyond_the_file(counts_adata, tmp_path):
    write_tenx_folder(counts_adata, tmp_path / "out", legacy=True)
    path = tmp_path / "out" / "matrix.mtx"
    lines = path.read_text().splitlines()
    header = next(i for i, line in enumerate(lines) if not line.startswith("%"))
    lines[header] = "12 30 99999999999"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match="announced"):
        read_counts(tmp_path / "out")


def test_files_of_the_first_anndata_versions(counts_adata, tmp_path, dense):
    """Before 0.7 obs and var were compound arrays and nothing named its type."""
    path = tmp_path / "old.h5ad"
    with h5py.File(path, "w") as file:
        file["X"] = counts_adata.X.toarray()
        for name, index in (("obs", counts_adata.obs_names), ("var", counts_adata.var_names)):
            table = np.array([(text.encode(),) for text in index], dtype=[("index", "S10")])
            file[name] = table
    np.testing.assert_array_equal(dense(read_counts(path, genes="all")), counts_adata.X.toarray())


def test_a_request_reads_the_same(counts_adata, tmp_path):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    request = DataRequest(tmp_path / "data.h5ad", genes=["gene3", "gene1"], reference="gene3")
    assert request == DataRequest.from_dict(request.to_dict())
    assert hash(request) == hash(DataRequest.from_dict(request.to_dict()))
    counts = request.load()
    assert list(counts.genes) == ["gene3", "gene1", "_other"]
    assert counts.reference == 0
