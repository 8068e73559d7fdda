"""Files kept beside a fit: pipes, links, bombs and endless claims are refused, not waited for."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
from scipy import sparse

from engine.errors import FitError
from engine.files.own_files import MOST_TEXT, read_arrays, read_json
from engine.results import load_counts
from tests.dashboard.synthetic import make_fit


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def link(path: Path) -> None:
    other = path.with_name("other")
    other.write_text("{}")
    path.symlink_to(other)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("read", [read_json, read_arrays])
@pytest.mark.parametrize("make", [pipe, folder, link, endless, loop], ids=lambda f: f.__name__)
def test_what_is_no_file_of_its_own(
    tmp_path: Path, make: Callable[[Path], None], read: Callable[[Path], object]
) -> None:
    make(tmp_path / "x")
    with pytest.raises((ValueError, OSError)):
        read(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")


@pytest.mark.parametrize(
    "text",
    ["", "[" * 100_000, '{"a":' * 100_000, "1" * 5000, "\0\0", "{", "1e999", "[-1e999]", "NaN"],
)
def test_what_is_no_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r".") as caught:
        read_json(tmp_path / "x.json")
    assert not isinstance(caught.value, UnicodeError)


def test_json_of_a_size_that_none_has(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": [1, 2]}))
    assert read_json(path) == {"a": [1, 2]}
    os.truncate(path, MOST_TEXT + 1)
    with pytest.raises(ValueError, match="larger than"):
        read_json(path)


def head(descr: str, shape: tuple[int, ...]) -> bytes:
    """What says of an array in a file how large it is, without the array."""
    file = io.BytesIO()
    told = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, told)
    return file.getvalue()


def stored(value: object) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(value), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "member",
    [
        head("<f8", (10**10,)) + bytes(80),
        head("<f8", (2**62, 2**62)),
        head("<f8", (-1,)),
        head("<U100", (10**8,)),
        stored(np.array([{"a": 1}, None], object)),
        pickle.dumps("text"),
        b"\x93NUMPY\x09\x00" + bytes(200),
        bytes(100_000_000),
    ],
    ids=["long", "wide", "negative", "text", "objects", "pickle", "version", "bomb"],
)
def test_arrays_that_claim_what_is_not_there(tmp_path: Path, member: bytes) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, a=np.arange(3), b=np.array(["x", "y"]))
    assert read_arrays(path)["b"].tolist() == ["x", "y"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", member)
    with pytest.raises(ValueError, match=r"x\.npz: "):
        read_arrays(path)


@pytest.mark.parametrize("value", [-np.inf, np.nan, -1.0])
def test_counts_of_a_fit_that_are_none(tmp_path: Path, value: float) -> None:
    counts = sparse.csr_matrix(np.ones((12, 8), dtype=np.float32))
    path = make_fit(12, 8, 2).save(tmp_path / "fit.h5ad", counts=counts)
    with h5py.File(path, "r+") as file:
        file["X/data"][1] = value
    with pytest.raises(FitError, match="finite numbers of at least 0 in counts"):
        load_counts(path)


def test_counts_of_what_is_no_fit_are_not_those_of_one(tmp_path: Path) -> None:
    matrix = sparse.random(12, 8, 0.5, format="csr", dtype=np.float32)
    ad.AnnData(matrix).write_h5ad(tmp_path / "other.h5ad")
    with pytest.raises(FitError, match="Open a file that Logratio saved"):
        load_counts(tmp_path / "other.h5ad")
