"""Files made to show other files, to end the process or to fill its memory are refused."""

from __future__ import annotations

import os
import runpy
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest

from engine.data import inspect_source, read_counts
from engine.errors import DataError
from tests.conftest import ROOT

CASES = ROOT.parent / "shared" / "cases"
SECRET = "neighbour"

Change = Callable[[h5py.File, Path], object]


def link(file: h5py.File, other: Path) -> None:
    file["elsewhere"] = h5py.ExternalLink(other.name, "/")


def storage(file: h5py.File, other: Path) -> None:
    file.create_dataset("elsewhere", (30,), dtype="S4", external=[(str(other), 0, 120)])
    attributes = {"encoding-type": "array", "encoding-version": "0.2.0"}
    file["elsewhere"].attrs.update(attributes)


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout((30,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(other), "obs/depth", (30,))
    file.create_virtual_dataset("elsewhere", layout)


def through(path: str, attribute: str) -> Change:
    """A table that names a column of another place in its attributes."""

    def change(file: h5py.File, _other: Path) -> None:
        table, name = path.split(":")
        value = name if attribute == "_index" else [name]
        file[table].attrs[attribute] = value

    return change


FOREIGN: dict[str, tuple[Change, ...]] = {
    "a link, as labels": (link, through("obs:/elsewhere/obs/depth", "column-order")),
    "a link, as genes": (link, through("var:/elsewhere/var/_index", "_index")),
    "a link below, as labels": (
        lambda file, other: file["obs"].update({"x": h5py.ExternalLink(other.name, "/obs/depth")}),
        through("obs:x", "column-order"),
    ),
    "a link that nothing names": (link,),
    "a link in what is not read": (
        lambda file, other: file["uns"].update({"x": h5py.ExternalLink(other.name, "/obs")}),
    ),
    "bytes of a file, as labels": (storage, through("obs:/elsewhere", "column-order")),
    "bytes of a file, as genes": (storage, through("var:/elsewhere", "_index")),
    "parts of another file, as labels": (virtual, through("obs:/elsewhere", "column-order")),
}


@pytest.mark.parametrize("read", [read_counts, inspect_source])
@pytest.mark.parametrize("kind", FOREIGN)
def test_nothing_of_another_file_is_shown(
    counts_adata: ad.AnnData, tmp_path: Path, kind: str, read: Callable[[Path], object]
) -> None:
    path, other = tmp_path / "data.h5ad", tmp_path / "neighbour.h5ad"
    counts_adata.write_h5ad(path)
    counts_adata.var_names = [f"{SECRET}{g}" for g in range(12)]
    counts_adata.write_h5ad(other)
    with h5py.File(path, "r+") as file:
        for change in FOREIGN[kind]:
            change(file, other)
    with pytest.raises(DataError, match=r"holds all its data itself; found .* pointing elsewhere"):
        read(path)


@pytest.mark.parametrize("name", ["/uns/secret", "../var/_index"])
@pytest.mark.parametrize(("table", "attribute"), [("obs", "column-order"), ("var", "_index")])
def test_tables_name_their_own_columns(
    counts_adata: ad.AnnData, tmp_path: Path, name: str, table: str, attribute: str
) -> None:
    counts_adata.uns["secret"] = np.arange(30.0)
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    with h5py.File(tmp_path / "data.h5ad", "r+") as file:
        file[table].attrs[attribute] = name if attribute == "_index" else [name]
    with pytest.raises(DataError, match=f"names of columns in {table}; found '{name}', a path"):
        read_counts(tmp_path / "data.h5ad")


def test_a_zarr_folder_holds_its_own_files(counts_adata: ad.AnnData, tmp_path: Path) -> None:
    counts_adata.write_zarr(tmp_path / "data.zarr")
    counts_adata.write_zarr(tmp_path / "other.zarr")
    within = tmp_path / "data.zarr" / "obs" / "again"
    within.symlink_to(tmp_path / "data.zarr" / "obs" / "depth", target_is_directory=True)
    assert read_counts(tmp_path / "data.zarr", genes="all").n_cells == 30
    label = tmp_path / "data.zarr" / "obs" / "depth"
    label.rename(tmp_path / "aside")
    label.symlink_to(tmp_path / "other.zarr" / "obs" / "depth", target_is_directory=True)
    within.unlink()
    with pytest.raises(DataError, match="found depth pointing elsewhere"):
        read_counts(tmp_path / "data.zarr")


def tenx(path: Path, indptr: list[int], indices: list[int]) -> None:
    """Four cells by three genes as Cell Ranger writes them."""
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["data"] = np.ones(len(indices), np.int32)
        group["indices"] = np.array(indices, np.int64)
        group["indptr"] = np.array(indptr, np.int64)
        group["shape"] = np.array([3, 4], np.int32)
        group["barcodes"] = np.array([b"c1", b"c2", b"c3", b"c4"])
        for name, values in {
            "id": [b"1", b"2", b"3"],
            "name": [b"a", b"b", b"c"],
            "feature_type": [b"Gene Expression"] * 3,
            "genome": [b"g"] * 3,
        }.items():
            group[f"features/{name}"] = np.array(values)


@pytest.mark.parametrize(
    ("indptr", "indices"),
    [
        ([0, 2**31 - 1, 0, 0, 0], [0, 1, 2, 0]),
        ([0, 2**31 - 1, 4, 4, 4], [0, 1, 2, 0]),
        ([0, 1, 2, 3, 2**40], [0, 1, 2, 0]),
        ([0, -5, 2, 3, 4], [0, 1, 2, 0]),
        ([0, 1, 2, 3, 4], [0, 1, 2, 2**31 - 1]),
        ([0, 1, 2, 3, 4], [0, 1, 2, -7]),
        ([0, 1, 2, 4], [0, 1, 2, 0]),
    ],
)
def test_indices_of_10x_that_lead_outside(
    tmp_path: Path, indptr: list[int], indices: list[int]
) -> None:
    tenx(tmp_path / "sound.h5", [0, 1, 2, 3, 4], [0, 1, 2, 0])
    assert read_counts(tmp_path / "sound.h5", genes="all").n_cells == 4
    tenx(tmp_path / "damaged.h5", indptr, indices)
    with pytest.raises(DataError, match="the arrays of a sparse matrix do not fit together"):
        read_counts(tmp_path / "damaged.h5", genes="all")


@pytest.mark.parametrize("kind", ["many", "long", "wide"])
def test_labels_that_unpack_to_gigabytes(
    counts_adata: ad.AnnData, tmp_path: Path, kind: str
) -> None:
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    with h5py.File(tmp_path / "data.h5ad", "r+") as file:
        made = {"dtype": "f8", "chunks": (9_000,), "compression": "gzip"}
        if kind == "many":
            for column in range(60):
                file["obs"].create_dataset(f"k{column}", (9_000_000,), **made)
        elif kind == "long":
            file["obs"].create_dataset("k", (900_000_000,), **made)
        else:
            file["obs"].create_dataset("k", (30,), dtype="S100000000", chunks=(1,))
    tracemalloc.start()
    with pytest.raises(DataError, match="in proportion to the size of the file"):
        read_counts(tmp_path / "data.h5ad")
    assert tracemalloc.get_traced_memory()[1] < 200e6
    tracemalloc.stop()


def test_labels_of_the_other_byte_order(counts_adata: ad.AnnData, tmp_path: Path) -> None:
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    with h5py.File(tmp_path / "data.h5ad", "r+") as file:
        attributes, values = dict(file["obs/depth"].attrs), file["obs/depth"][:]
        del file["obs/depth"]
        file["obs/depth"] = values.astype(">f8")
        file["obs/depth"].attrs.update(attributes)
    columns = {column.name: column for column in inspect_source(tmp_path / "data.h5ad").columns}
    assert columns["depth"].n_values == counts_adata.obs["depth"].nunique()
    np.testing.assert_array_equal(read_counts(tmp_path / "data.h5ad").obs["depth"], values)


def cases(folder: str) -> list[Path]:
    return sorted((CASES / folder).glob("*.h5*"))


@pytest.mark.parametrize("path", cases("hostile"), ids=lambda path: path.stem)
def test_cases_that_somebody_sends(path: Path) -> None:
    for read in (read_counts, inspect_source):
        with pytest.raises(DataError):
            read(path)


@pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases beside the project")
def test_cases_whose_links_lead_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["make_links.py", str(tmp_path)])
    runpy.run_path(str(CASES / "make_links.py"))
    for name in ("external_obs", "external_var_index", "soft_obs", "virtual_obs"):
        with pytest.raises(DataError, match="pointing elsewhere"):
            read_counts(tmp_path / f"{name}.h5ad", genes="all")


@pytest.mark.parametrize("name", ["zarr.json", "obs/depth/zarr.json", "X/data/pipe"])
def test_pipes_in_a_folder_are_never_waited_for(
    counts_adata: ad.AnnData, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "data.zarr"
    counts_adata.write_zarr(path)
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)
    with pytest.raises(DataError, match="a folder of files; found"):
        read_counts(path)
