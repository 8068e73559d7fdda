"""Loom, h5mu, velocity layers, corrected counts, and what is refused."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr
from scipy import sparse

from engine.data import ChoiceNeeded, Choices, inspect_source, read_counts
from engine.data.looks import CORRECTED, look_at
from engine.data.matrices import as_matrix
from engine.errors import DataError


def write_loom(adata: ad.AnnData, path: Path, **layers: object) -> Path:
    with h5py.File(path, "w") as file:
        file["matrix"] = adata.X.toarray().T
        for group in ("row_attrs", "col_attrs", "layers", "row_graphs", "col_graphs"):
            file.create_group(group)
        text = h5py.string_dtype()
        file["row_attrs"].create_dataset("Gene", data=list(adata.var_names), dtype=text)
        file["col_attrs"].create_dataset("CellID", data=list(adata.obs_names), dtype=text)
        file["col_attrs"]["label"] = np.array(list(adata.obs["label"]), dtype="S")
        file["col_attrs"]["pca"] = np.ones((adata.n_obs, 2))
        for name, matrix in layers.items():
            file["layers"][name] = matrix
    return path


@pytest.mark.parametrize("backed", [True, False])
def test_loom(counts_adata, tmp_path, dense, backed):
    path = write_loom(counts_adata, tmp_path / "a.loom")
    counts = read_counts(path, genes="all", backed=backed)
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert list(counts.obs["label"]) == list(counts_adata.obs["label"])
    assert list(counts.genes) == list(counts_adata.var_names)
    path = write_loom(counts_adata, tmp_path / "unnamed.loom")
    with h5py.File(path, "r+") as file:
        del file["row_attrs/Gene"]
    with pytest.raises(DataError, match="names of genes in the row attributes"):
        read_counts(path)


def test_loom_that_points_elsewhere(counts_adata, tmp_path):
    path = write_loom(counts_adata, tmp_path / "a.loom")
    with h5py.File(path, "r+") as file:
        del file["row_attrs/Gene"]
        outside = [(str(write_loom(counts_adata, tmp_path / "b.loom")), 0, 48)]
        file["row_attrs"].create_dataset("Gene", (12,), dtype="S4", external=outside)
    with pytest.raises(DataError, match="pointing elsewhere"):
        read_counts(path)


def write_h5mu(path: Path, **mods: ad.AnnData) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "MuData"
        mod = file.create_group("mod")
        for name, adata in mods.items():
            ad.io.write_elem(mod, name, adata)
    return path


def test_h5mu(counts_adata, tmp_path, dense):
    other = counts_adata[:, :5].copy()
    path = write_h5mu(tmp_path / "a.h5mu", prot=other, rna=counts_adata)
    counts = read_counts(path, genes="all")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert counts.report.source_reason == "Read the modality rna; left out prot."
    assert read_counts(path, genes="all", feature_type="prot").n_genes == 5
    write_h5mu(path, prot=other, atac=counts_adata)
    with pytest.raises(ChoiceNeeded, match=r"a modality called rna.*atac, prot.*--feature-type"):
        read_counts(path)
    with h5py.File(path, "r+") as file:
        file["mod/prot/uns/x"] = h5py.ExternalLink("other.h5", "/X")
    with pytest.raises(DataError, match="pointing elsewhere"):
        read_counts(path, feature_type="atac")


def test_modalities_that_tell_the_types_of_their_features(counts_adata, tmp_path, dense):
    other = ad.AnnData(counts_adata.X * 2, counts_adata.obs, counts_adata.var.copy())
    counts_adata.var["feature_types"] = "Gene Expression"
    other.var["feature_types"] = "Antibody Capture"
    path = write_h5mu(tmp_path / "a.h5mu", prot=other, rna=counts_adata)
    for asked, matrix in (("prot", other.X), ("rna", counts_adata.X), (None, counts_adata.X)):
        found = read_counts(path, genes="all", feature_type=asked)
        np.testing.assert_array_equal(dense(found), matrix.toarray())
    (offer,) = inspect_source(path, Choices(feature_type="prot")).offers
    assert (offer.options, offer.chosen) == (("prot", "rna"), "prot")
    # Of a modality of several types the genes are read, as of other files.
    counts_adata.var["feature_types"] = ["Gene Expression"] * 9 + ["Antibody Capture"] * 3
    write_h5mu(path, prot=other, rna=counts_adata)
    assert read_counts(path, genes="all", feature_type="rna").n_genes == 9
    # However they are spelt.
    counts_adata.var["feature_types"] = ["gene expression"] * 9 + ["Antibody Capture"] * 3
    write_h5mu(path, prot=other, rna=counts_adata)
    assert read_counts(path, genes="all", feature_type="rna").n_genes == 9
    assert read_counts(counts_adata, genes="all").n_genes == 9


@pytest.mark.parametrize("place", ["memory", "h5ad"])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix])
def test_one_part_of_the_counts_is_never_read_silently(counts_adata, tmp_path, dense, place, kind):
    counts, whole = counts_adata.X, counts_adata.X.toarray()
    adata = counts_adata.copy()
    adata.layers["spliced"] = kind(counts.astype(np.uint8))
    adata.layers["unspliced"] = kind(counts * 2)
    adata.raw = adata.copy()
    # scVelo keeps the spliced counts in X.
    for x, summed in ((counts, True), (np.log1p(counts * 1.7), True), (counts * 5, False)):
        adata.X = x
        if not summed:
            del adata.raw
        source: object = adata
        if place == "h5ad":
            source = tmp_path / "a.h5ad"
            adata.write_h5ad(source)
        read = read_counts(source, genes="all")
        np.testing.assert_array_equal(dense(read), whole * (3 if summed else 5))
        assert read.layer == ("spliced + unspliced" if summed else "X")
        assert ("sum of the layers" in " ".join(read.report.warnings)) == summed
    adata.layers["ambiguous"] = kind(counts * 7)
    again = read_counts(adata, genes="all", layer="spliced+unspliced")
    np.testing.assert_array_equal(dense(again), whole * 3)
    assert again.layer == "spliced + unspliced"
    assert "spliced + unspliced + ambiguous" in [i.name for i in inspect_source(adata).layers]


def test_sums_are_streamed(counts_adata, tmp_path, dense):
    adata = counts_adata.copy()
    adata.layers["spliced"], adata.layers["unspliced"] = adata.X.copy(), adata.X * 2
    del adata.X
    adata.write_h5ad(tmp_path / "a.h5ad")
    counts = read_counts(tmp_path / "a.h5ad", genes="all", backed=True)
    assert counts.report.streamed
    np.testing.assert_array_equal(dense(counts), 3 * counts_adata.X.toarray())


def test_a_part_alone_is_said_to_be_one(counts_adata):
    counts_adata.layers["spliced"] = counts_adata.X.copy()
    counts_adata.X = np.log1p(counts_adata.X * 1.7)
    read = read_counts(counts_adata)
    assert read.layer == "spliced"
    assert "spliced is a part of the counts alone" in " ".join(read.report.warnings)


def test_sums_do_not_overflow(counts_adata, dense):
    big = np.full(counts_adata.shape, 200, dtype=np.uint8)
    adata = ad.AnnData(layers={"spliced": big, "unspliced": big})
    assert set(np.unique(dense(read_counts(adata, genes="all")))) == {400}


def test_other_layers_of_counts_are_told(counts_adata):
    counts_adata.layers["counts"] = counts_adata.X.copy()
    assert not read_counts(counts_adata).report.warnings
    counts_adata.layers["counts"] = counts_adata.X * 2
    (told,) = read_counts(counts_adata).report.warnings
    assert told.startswith("X holds other whole numbers than counts, which was taken")


def looks(matrix: object) -> str:
    return look_at(as_matrix(sparse.csr_matrix(matrix), "X", "file")).kind


@pytest.fixture
def deep():
    """Counts of unequal cells and genes."""
    rng = np.random.default_rng(5)
    rates = np.outer(rng.lognormal(0, 0.5, 80), rng.gamma(0.5, 4, 60))
    return rng.poisson(rates).astype(float)


def test_corrected_counts_are_told_from_normalised_ones(deep):
    rng = np.random.default_rng(6)
    sums = deep.sum(1, keepdims=True)
    ambient = sums * rng.uniform(0.02, 0.1, (80, 1)) * deep.sum(0) / deep.sum()
    by_expectation = np.maximum(deep - ambient, 0) * (deep > 0)
    split = deep + (rng.random(deep.shape) < 0.2) * (deep > 0) * rng.choice(
        [-0.5, 1 / 3], deep.shape
    )
    assert looks(by_expectation) == looks(split) == CORRECTED
    scaled = deep / sums * 1e4
    for log in (np.log1p, lambda x: np.log2(x + 1), lambda x: np.log10(x + 1)):
        assert looks(log(scaled)) == looks(log(scaled).astype("f4")) == "log-normalised"
    lengths = rng.uniform(0.3, 8, 60)
    tpm = deep / lengths
    tpm *= 1e6 / tpm.sum(1, keepdims=True)
    assert looks(scaled) == looks(scaled.astype("f4")) == looks(tpm) == "normalised"
    assert looks(np.log1p(deep / sums * np.median(sums))) == "log-normalised"
    assert looks(np.sqrt(deep)) == looks(tpm[:, :30]) == "normalised"


def test_rounding_is_for_corrected_counts(deep, dense):
    corrected = sparse.csr_matrix(deep * 0.96 + (deep > 0) * np.linspace(0.01, 0.3, 60))
    adata = ad.AnnData(corrected)
    with pytest.raises(ChoiceNeeded, match=r"corrected counts.*--round"):
        read_counts(adata)
    with pytest.raises(ChoiceNeeded, match="--round"):
        read_counts(adata, layer="X")
    counts = read_counts(adata, genes="all", round=True)
    kept = np.rint(corrected.toarray())
    np.testing.assert_array_equal(dense(counts), kept[kept.sum(1) > 0][:, kept.sum(0) > 0])
    np.testing.assert_allclose(counts.totals, dense(counts).sum(1))
    logged = ad.AnnData(sparse.csr_matrix(np.log1p(deep * 1.3)))
    for layer in (None, "X"):
        with pytest.raises(DataError, match="look log-normalised"):
            read_counts(logged, round=True, layer=layer)


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("a.rds", gzip.compress(b"X\n\0\0\0", mtime=0), "write10xCounts"),
        ("a.RData", b"RDX3\nX\n", "write10xCounts"),
        ("a.Robj", gzip.compress(b"RDX2", mtime=0), "write10xCounts"),
        ("counts", gzip.compress(b"RDX3\nX\n", mtime=0), "write10xCounts"),
        ("a.xlsx", b"PK\x03\x04", r"\.csv"),
        ("a.h5ad.gz", gzip.compress(b"\x89HDF", mtime=0), "Unpack"),
        ("GSE1_RAW.tar", b"x" * 20, "Unpack"),
        ("a.pkl", b"\x80\x04\x95", "write_h5ad"),
    ],
)
def test_files_of_other_programs(tmp_path, name, content, remedy):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=remedy):
        read_counts(tmp_path / name)


def test_h5seurat_and_folders_of_files(counts_adata, tmp_path):
    with h5py.File(tmp_path / "a.h5seurat", "w") as file:
        file.create_group("assays")
        file["cell.names"] = np.array(["a"], dtype="S")
    with pytest.raises(DataError, match=r"Seurat.*write10xCounts"):
        read_counts(tmp_path / "a.h5seurat")
    (tmp_path / "more").mkdir()
    counts_adata.write_h5ad(tmp_path / "more" / "one.h5ad")
    with pytest.raises(DataError, match=r"a folder of 1: one\.h5ad.*more/one\.h5ad"):
        read_counts(tmp_path / "more")


def test_anndata_of_version_0_7(counts_adata, tmp_path, dense):
    """Categories in a table beside the columns, no type at the root; X may be missing."""
    path = tmp_path / "old.h5ad"
    with h5py.File(path, "w") as file:
        for name, index in (("obs", counts_adata.obs_names), ("var", counts_adata.var_names)):
            table = file.create_group(name)
            table["_index"] = list(index)
            table.attrs.update({"_index": "_index", "column-order": np.array([], dtype="S1")})
            table.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.1.0"})
        obs = file["obs"]
        obs["label"] = np.array([0, 1, 2] * 10, dtype=np.int8)
        obs["__categories/label"] = ["a", "b", "c"]
        obs["label"].attrs["categories"] = obs["__categories/label"].ref
        obs.attrs["column-order"] = ["label"]
        layers = file.create_group("layers")
        layers["counts"] = counts_adata.X.toarray()
    counts = read_counts(path, genes="all")
    np.testing.assert_array_equal(dense(counts), counts_adata.X.toarray())
    assert list(counts.obs["label"]) == ["a", "b", "c"] * 10


@pytest.mark.parametrize("place", ["/uns/secret", "../../uns/secret"])
def test_categories_of_another_place_are_refused(counts_adata, tmp_path, place):
    path = tmp_path / "a.zarr"
    counts_adata.write_zarr(path)
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    codes = root["obs/label/codes"][:]
    del root["obs/label"]
    root["obs"].create_array("label", data=codes).attrs["categories"] = place
    root["uns"].create_array("secret", data=np.arange(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(path)
    with pytest.raises(DataError, match="a path"):
        read_counts(path)
