"""Damage to a folder of files: which of them, and how."""

from __future__ import annotations

import io
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from benchmarks.fuzz import hdf5
from benchmarks.fuzz.odd import mutate_json, mutate_text

Mutator = Callable[[Path, random.Random, Path], str]
HDF5, JSON, TEXT = (
    (".h5ad", ".h5", ".loom", ".h5mu"),
    (".json", ".zarray", ".zgroup", ".zattrs"),
    (*(".mtx", ".tsv", ".csv", ".txt", ".gz"),),
)
TRIES = 8


def mutate(folder: Path, opened: Path, draw: random.Random, neighbours: Path) -> str:
    """Damage a folder in one to three ways; what was done, in words.

    Parameters
    ----------
    opened
        What will be opened: somebody names it, so what it leads to is not somebody else's.
    """
    done: list[str] = []
    wanted = draw.choice((1, 1, 1, 2, 3))
    # A file whose bytes are wrong is no longer one whose elements can be changed.
    families = sorted(draw.choices(("structure", "bytes", "file"), (6, 3, 1.2), k=wanted))
    for family in sorted(families, key=("structure", "bytes", "file").index):
        failed = "too large"
        for _ in range(TRIES):
            path = _pick(folder, draw)
            if path is None:
                break
            # What is opened may have another name by now.
            own = path == opened or not os.path.lexists(opened)
            odd = mutate_own if own else mutate_file
            one = {"structure": _structure(path), "bytes": mutate_bytes, "file": odd}
            try:
                told = one[family](path, draw, neighbours)
            # What is changed may be gone, or of a kind that cannot be changed so.
            except Exception as error:
                told = ""
                failed = f"{type(error).__name__}: {error}"
            if told:
                done.append(f"{path.relative_to(folder)}: {told}")
                break
        else:
            done.append(f"nothing ({failed[:80]})")
    return "; ".join(done)


def _pick(folder: Path, draw: random.Random) -> Path | None:
    """A file, those of the run that is damaged and the larger ones rather than others."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    found = [p for p in found if "bbbbbb" not in str(p) and p.parent.name != "home"]
    return draw.choice(found) if found else None


def _structure(path: Path) -> Mutator:
    if path.suffix in HDF5:
        return hdf5.mutate
    if path.suffix in JSON:
        return mutate_json
    if path.suffix in TEXT:
        return mutate_text
    return mutate_npz if path.suffix == ".npz" else mutate_bytes


def mutate_bytes(path: Path, draw: random.Random, _: Path) -> str:
    data = bytearray(path.read_bytes())
    if not data:
        data = bytearray(b"\0")
    way = draw.choice(("flip", "flip", "head", "cut", "append", "fill", "move", "words"))
    # What says how a file is laid out stands at its start, or in few places.
    limit = min(len(data), 4096) if way == "head" else len(data)
    if way in ("flip", "head"):
        for _i in range(draw.choice((1, 2, 5, 30))):
            place = draw.randrange(limit)
            data[place] = draw.choice((draw.randrange(256), data[place] ^ (1 << draw.randrange(8))))
    elif way == "cut":
        del data[draw.randrange(len(data)) :]
    elif way == "append":
        data += draw.choice((b"\0", b"x", b"\x89HDF\r\n\x1a\n")) * draw.choice((1, 7, 100_000))
    elif way == "fill":
        start = draw.randrange(len(data))
        data[start : start + 64] = draw.choice((b"\0", b"\xff")) * len(data[start : start + 64])
    elif way == "move":
        one, two = sorted((draw.randrange(len(data)), draw.randrange(len(data))))
        data[one:two] = data[two : two + two - one] or data[one:two]
    else:
        size = draw.choice((2, 4, 8))
        for _i in range(draw.choice((1, 4))):
            place = draw.randrange(max(len(data) // size, 1)) * size
            value = draw.choice((2 ** (8 * size) - 1, 2 ** (8 * size - 1), 1, 2 ** (4 * size)))
            data[place : place + size] = value.to_bytes(size, "little")
    path.write_bytes(data)
    return f"bytes: {way}"


def mutate_file(path: Path, draw: random.Random, neighbours: Path) -> str:
    """Something else, nothing, or something of another place where a file is expected."""
    return _put_odd(path, draw, neighbours, ("outside", "outside"))


def mutate_own(path: Path, draw: random.Random, neighbours: Path) -> str:
    """The same of the file that is named, which may be a link to whatever is meant."""
    return _put_odd(path, draw, neighbours, ())


def _put_odd(path: Path, draw: random.Random, neighbours: Path, more: tuple[str, ...]) -> str:
    ways = ["gone", "folder", "pipe", "zero", "parent", "loop", "name", "huge", *more]
    way = draw.choice([*ways, "mode"] if os.getuid() else ways)
    if way in ("gone", "folder", "pipe", "outside", "zero", "parent", "loop"):
        path.unlink()
    if way == "folder":
        path.mkdir()
        (path / "inside").write_text("x")
    elif way == "pipe":
        os.mkfifo(path)
    elif way == "outside":
        other = neighbours / f"other{path.suffix}"
        path.symlink_to(other if other.exists() else neighbours / "other.tsv")
    elif way == "zero":
        path.symlink_to("/dev/zero")
    elif way == "parent":
        path.symlink_to(path.parent.parent, target_is_directory=True)
    elif way == "loop":
        path.symlink_to(path.name)
    elif way == "name":
        ends = draw.choice(("", ".gz", ".h5ad", ".csv", ".zarr", ".mtx", ".rds", path.suffix))
        start = draw.choice(("x" * 200, "..x", "a\nb", "\udcff", "=1", "~", "x"))
        path.rename(path.with_name(start + ends))
    elif way == "huge":
        with path.open("r+b") as file:
            file.truncate(2**32)
    elif way == "mode":
        path.chmod(0)
    return f"file: {way}"


def mutate_npz(path: Path, draw: random.Random, _: Path) -> str:
    """Other arrays in an archive of NumPy, or what says that it holds others."""
    with np.load(path) as opened:
        arrays = {name: opened[name] for name in opened.files}
    name, way = draw.choice(sorted(arrays)), draw.choice(("odd", "shape", "kind", "gone", "claim"))
    array = arrays[name]
    if way == "odd" and array.dtype.kind == "f" and array.size:
        arrays[name] = array.copy()
        arrays[name].reshape(-1)[0] = draw.choice((np.nan, np.inf, -1e30))
    elif way == "shape":
        ways = (array.reshape(-1), array[None], array.reshape(-1)[:1], array.reshape(-1)[:0])
        arrays[name] = draw.choice((*ways, np.array(3)))
    elif way == "kind":
        objects = np.array([{"a": 1}, None], object)
        arrays[name] = draw.choice(
            (
                array.astype("S8"),
                np.zeros(3, "V4"),
                objects,
                array * 1j if array.dtype.kind in "fi" else array.astype("U"),
            )
        )
    elif way == "gone":
        del arrays[name]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, one in arrays.items():
            file = io.BytesIO()
            np.lib.format.write_array(file, np.asarray(one), allow_pickle=True)
            data = file.getvalue()
            if way == "claim" and key == name:
                data = _claiming(draw) + data[128:]
            archive.writestr(f"{key}.npy", data)
    return f"npz: {name} {way}"


def _claiming(draw: random.Random) -> bytes:
    """The head of an array of far more values than follow."""
    file = io.BytesIO()
    length = draw.choice((10**8, 10**10, 10**15, 2**62))
    head = {"descr": draw.choice(("<f8", "<U100", "|b1")), "fortran_order": False}
    np.lib.format.write_array_header_1_0(file, {**head, "shape": (length,)})
    return file.getvalue()


def copied(template: Path, case: Path) -> Path:
    """A folder of one's own to damage."""
    shutil.copytree(template, case)
    return case


assert h5py.version.hdf5_version_tuple >= (1, 10)
