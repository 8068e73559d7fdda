"""Links, claims, bombs and depths in an HDF5 file."""

from __future__ import annotations

import random
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks.fuzz.elements import any_of, array_of, every, place_of, put

PIECE = 2**20


def link(file: h5py.File, draw: random.Random, neighbours: Path) -> str:
    name = any_of(file, draw)
    own, way = name, draw.choice(("soft", "dangling", "self", "external", "parent", "other", "top"))
    # In place of something, or beside it under a new name.
    if draw.random() < 0.3:
        own = f"{name.rpartition('/')[0]}/more"
    target = any_of(file, draw)
    made: Any = {
        "soft": h5py.SoftLink(f"/{target}"),
        "dangling": h5py.SoftLink("/nowhere"),
        "self": h5py.SoftLink(f"/{own}"),
        "external": h5py.ExternalLink(str(neighbours / "other.h5ad"), f"/{name}"),
    }.get(way)
    if made is None:
        made = {"parent": file[name].parent, "other": file[target], "top": file["/"]}[way]
    if own in file:
        del file[own]
    file[own] = made
    return f"{own} {way}"


def elsewhere(file: h5py.File, draw: random.Random, neighbours: Path) -> str:
    name = array_of(file, draw)
    shape, kind = file[name].shape or (), file[name].dtype
    if h5py.check_string_dtype(kind) is not None:
        kind = np.dtype("S16")
    if draw.random() < 0.5:
        outside = draw.choice(("other.tsv", "other.json", "other.h5ad"))
        made: dict[str, Any] = {"external": [(str(neighbours / outside), 0, h5py.h5f.UNLIMITED)]}
        attributes = dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, shape, dtype=kind, **made)
    else:
        attributes = dict(file[name].attrs)
        del file[name]
        layout = h5py.VirtualLayout(shape, dtype=kind)
        source = h5py.VirtualSource(str(neighbours / "other.h5ad"), name, shape)
        layout[...] = source
        file.create_virtual_dataset(name, layout)
        outside = "a virtual dataset"
    file[name].attrs.update(attributes)
    return f"{name} in {outside}"


def claim(file: h5py.File, draw: random.Random, _: Path) -> str:
    """An array that claims far more than the file holds."""
    name, kind = array_of(file, draw), draw.choice(("f4", "i8", "S1000", "same"))
    ndim = max(len(file[name].shape or ()), 1)
    own = file[name].dtype if kind == "same" else kind
    shape = (draw.choice((10**7, 10**9, 2**40)), *file[name].shape[1:]) if ndim else ()
    attributes = dict(file[name].attrs)
    del file[name]
    chunks = (draw.choice((1, 1000, 10**6)), *(1 for _i in shape[1:]))
    file.create_dataset(name, shape, dtype=own, chunks=chunks, compression="gzip")
    file[name].attrs.update(attributes)
    return f"{name} of {shape}"


def bomb(file: h5py.File, draw: random.Random, _: Path) -> str:
    """A chunk that unpacks to far more than its own size, or an array that truly is as large."""
    name, honest = array_of(file, draw), draw.random() < 0.5
    length = draw.choice((2**26, 2**29)) if honest else 1000
    megabytes = length * 8 // PIECE if honest else draw.choice((100, 3000))
    attributes = dict(file[name].attrs)
    del file[name]
    made = file.create_dataset(name, (length,), dtype="f8", chunks=(length,), compression="gzip")
    made.id.write_direct_chunk((0,), zeros(max(megabytes, 1)))
    made.attrs.update(attributes)
    return f"{name} of {megabytes} MB"


def zeros(megabytes: int) -> bytes:
    """A zlib stream of so many megabytes of zeros, without having them in memory."""
    packer = zlib.compressobj(9)
    head = packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    sums = ((megabytes * PIECE % 65521) << 16 | 1).to_bytes(4, "big")
    return head + piece * (megabytes - 1) + b"\x03\x00" + sums


def deep(file: h5py.File, draw: random.Random, _: Path) -> str:
    place, depth = place_of(file, draw), draw.choice((50, 1000, 4000))
    for _i in range(depth):
        place = place.create_group("g")
    return f"{depth} groups"


def many(file: h5py.File, draw: random.Random, _: Path) -> str:
    place, number = place_of(file, draw), draw.choice((100, 3000))
    for j in range(number):
        place[f"more{j}"] = j
    if "column-order" in place.attrs and draw.random() < 0.5:
        place.attrs["column-order"] = np.array([f"more{j}" for j in range(min(number, 3000))], "S8")
    return f"{number} in {place.name}"


def filtered(file: h5py.File, draw: random.Random, _: Path) -> str:
    name = draw.choice([n for n in every(file, h5py.Dataset) if file[n].shape])
    way = draw.choice(("lzf", "scaleoffset", "fletcher32", "shuffle", "unknown"))
    array = file[name][()]
    if way == "unknown":
        attributes = dict(file[name].attrs)
        del file[name]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk(tuple(max(n, 1) for n in array.shape))
        plan.set_filter(32_000 + draw.randrange(30), h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space = h5py.h5s.create_simple(array.shape)
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(array.dtype), space, plan)
        file[name].attrs.update(attributes)
    elif way == "lzf":
        put(file, name, array, compression="lzf", chunks=True)
    else:
        put(file, name, array, chunks=True, **{way: 4 if way == "scaleoffset" else True})
    return f"{name} by {way}"
