"""Files come from anywhere: nothing in them runs, reaches out, or takes the server down."""

import json
import os
import pickle

import h5py
import numpy as np
import pytest
import zarr

from engine.data import probe, read_counts
from engine.errors import DataError
from engine.files import probing, walking


class Evil:
    """Makes a folder when unpickled."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("dtype", ["|O", "<i8"])
@pytest.mark.parametrize("role", ["filters", "compressor"])
def test_pickles_in_zarr_are_not_opened(counts_adata, tmp_path, dtype, role):
    mark = tmp_path / "pwned"
    root = zarr.open_group(tmp_path / "data.zarr", mode="w", zarr_format=2)
    root.attrs["encoding-type"] = "anndata"
    for name, length in (("obs", 30), ("var", 12)):
        group = root.create_group(name)
        group.attrs.update({"_index": "_index", "encoding-type": "dataframe"})
        folder = tmp_path / "data.zarr" / name / "_index"
        folder.mkdir()
        attributes = {"encoding-type": "string-array", "encoding-version": "0.2.0"}
        (folder / ".zattrs").write_text(json.dumps(attributes))
        array = {
            "zarr_format": 2,
            "shape": [length],
            "chunks": [length],
            "dtype": dtype,
            "compressor": None,
            "fill_value": None,
            "order": "C",
            "filters": None,
        }
        codec = {"id": "pickle", "protocol": 5}
        array[role] = [codec] if role == "filters" else codec
        (folder / ".zarray").write_text(json.dumps(array))
        (folder / "0").write_bytes(pickle.dumps(Evil(mark)))
    root.create_array("X", data=counts_adata.X.toarray())
    with pytest.raises(DataError, match=r"[Pp]ickle|No Zarr data type"):
        read_counts(tmp_path / "data.zarr")
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["external link", "soft link", "external storage", "virtual"])
def test_files_that_point_elsewhere(counts_adata, tmp_path, kind):
    adata = counts_adata.copy()
    adata.X = adata.X.toarray()
    adata.write_h5ad(tmp_path / "data.h5ad")
    adata.write_h5ad(tmp_path / "other.h5ad")
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(360, dtype="f4").tobytes())
    with h5py.File(tmp_path / "data.h5ad", "r+") as file:
        attributes = dict(file["X"].attrs)
        del file["X"]
        if kind == "external link":
            file["X"] = h5py.ExternalLink(str(tmp_path / "other.h5ad"), "/X")
        elif kind == "soft link":
            file["copy"] = adata.X
            file["X"] = h5py.SoftLink("/copy")
        elif kind == "external storage":
            outside = [(str(secret), 0, 1440)]
            file.create_dataset("X", (30, 12), dtype="f4", external=outside)
        else:
            layout = h5py.VirtualLayout((30, 12), dtype="f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5ad"), "X", shape=(30, 12))
            file.create_virtual_dataset("X", layout)
        if "link" not in kind:
            file["X"].attrs.update(attributes)
    with pytest.raises(DataError, match=r"holds all its data itself; found .*X pointing elsewhere"):
        read_counts(tmp_path / "data.h5ad")


def test_a_file_that_never_ends_opening(counts_adata, tmp_path):
    for name in ("slow", "data"):
        counts_adata.write_h5ad(tmp_path / f"{name}.h5ad")
    with pytest.raises(ValueError, match=probing.LATE):
        probe.probe(tmp_path / "slow.h5ad", seconds=1e-6)
    assert read_counts(tmp_path / "data.h5ad", genes="all").n_cells == 30
    with pytest.raises(DataError, match=probing.LATE):
        read_counts(tmp_path / "slow.h5ad")


def test_a_file_that_crashes_the_library(counts_adata, tmp_path, monkeypatch):
    counts_adata.write_h5ad(tmp_path / "data.h5ad")
    script = tmp_path / "crash.py"
    script.write_text("import os; input(); print('begun', flush=True); os.abort()")
    for helper in probing._idle:
        helper.end()
    probing._idle.clear()
    monkeypatch.setattr(walking, "__file__", str(script))
    with pytest.raises(DataError, match="crashes the HDF5 library"):
        read_counts(tmp_path / "data.h5ad")


def test_markup_in_names_stays_text(counts_adata):
    names = list(counts_adata.var_names)
    names[2] = "<img src=x onerror=alert(1)>"
    counts_adata.var_names = names
    counts = read_counts(counts_adata, genes=["<img src=x onerror=alert(1)>", "gene1"])
    assert counts.genes[0] == names[2]
    with pytest.raises(DataError) as caught:
        read_counts(counts_adata, genes=["\x1b[2J\u202e" + "A" * 500])
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)
    assert len(str(caught.value)) < 300
