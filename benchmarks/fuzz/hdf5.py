"""What is done to the elements of an HDF5 file."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from benchmarks.fuzz.bombs import bomb, claim, deep, elsewhere, filtered, link, many
from benchmarks.fuzz.elements import any_of, array_of, every, put
from benchmarks.fuzz.odd import NAMES, NUMBERS, mangle_json

ENCODINGS = (
    *("array", "string", "string-array", "numeric-scalar", "dict", "dataframe", "categorical"),
    *("csr_matrix", "csc_matrix", "nullable-integer", "nullable-boolean", "null", "raw"),
    *("nullable-string-array", "rec-array", "awkward-array", "anndata", "no such thing"),
)


def mutate(path: Path, draw: random.Random, neighbours: Path) -> str:
    """Change one thing of the file; what was done, in words."""
    with h5py.File(path, "r+") as file:
        done = draw.choice(MUTATORS)
        return f"{done.__name__}: {done(file, draw, neighbours)}"


def delete(file: h5py.File, draw: random.Random, _: Path) -> str:
    name = any_of(file, draw)
    del file[name]
    return name


def rename(file: h5py.File, draw: random.Random, _: Path) -> str:
    name, new = any_of(file, draw), draw.choice(NAMES)
    file.move(name, f"{name.rpartition('/')[0]}/{new}" if draw.random() < 0.8 else new)
    return f"{name} to {new[:30]!r}"


def swap(file: h5py.File, draw: random.Random, _: Path) -> str:
    one, two = any_of(file, draw), any_of(file, draw)
    file.move(one, "aside")
    file.move(two, one)
    file.move("aside", two)
    return f"{one} and {two}"


def retype(file: h5py.File, draw: random.Random, _: Path) -> str:
    name = array_of(file, draw)
    shape, many = file[name].shape or (), int(file[name].size or 0)
    kind = draw.choice(("f8", "f2", ">f4", "i1", "u8", "?", "c16", "S3", "U", "V5", "pair", "enum"))
    kind = draw.choice((kind, "refs", "vlen"))
    numbers = np.arange(many).reshape(shape)
    if kind == "U":
        put(file, name, np.array([f"t{i}" for i in range(many)], object).reshape(shape))
    elif kind == "refs":
        put(file, name, np.full(shape, file.ref, h5py.ref_dtype), dtype=h5py.ref_dtype)
    elif kind == "vlen":
        rows = np.empty(many, object)
        rows[:] = [np.arange(i % 3) for i in range(many)]
        put(file, name, rows.reshape(shape), dtype=h5py.vlen_dtype(int))
    elif kind == "pair":
        put(file, name, np.zeros(shape, [("a", "i4"), ("b", "f8", 2)]))
    elif kind == "enum":
        put(file, name, numbers % 2, dtype=h5py.enum_dtype({"NO": 0, "YES": 1}, "i1"))
    else:
        put(file, name, numbers.astype(kind))
    return f"{name} as {kind}"


def reshape(file: h5py.File, draw: random.Random, _: Path) -> str:
    name = array_of(file, draw)
    values, way = (
        file[name][()],
        draw.choice(("scalar", "empty", "null", "more", "fewer", "deeper")),
    )
    flat = np.ravel(values)
    if way == "null":
        put(file, name, h5py.Empty(file[name].dtype))
    elif way == "deeper":
        put(file, name, np.broadcast_to(values, (2, *np.shape(values))).copy())
    elif way == "scalar":
        put(file, name, flat[0])
    else:
        length = {"empty": 0, "more": len(flat) + 1, "fewer": max(len(flat) - 1, 0)}[way]
        put(file, name, np.resize(flat, length) if length else flat[:0])
    return f"{name} {way}"


def values(file: h5py.File, draw: random.Random, _: Path) -> str:
    name = draw.choice([n for n in every(file, h5py.Dataset) if file[n].dtype.kind in "fiu"])
    array = np.atleast_1d(file[name][()]).astype("f8" if draw.random() < 0.5 else file[name].dtype)
    flat, value = array.reshape(-1), draw.choice(NUMBERS)
    places = range(len(flat)) if draw.random() < 0.2 else [draw.randrange(len(flat))]
    with np.errstate(all="ignore"):
        for place in places:
            flat[place] = np.array(value).astype(array.dtype)
    put(file, name, array.reshape(file[name].shape))
    return f"{name} with {value}"


def indices(file: h5py.File, draw: random.Random, _: Path) -> str:
    names = [n for n in every(file, h5py.Dataset) if n.rpartition("/")[2] in INDICES]
    name = draw.choice(names)
    array = file[name][()]
    limit = np.iinfo(array.dtype) if array.dtype.kind in "iu" else np.iinfo("i4")
    value = draw.choice((-1, -5, len(array), 10**6, limit.max, limit.min, 2**31 - 1, 0))
    for _i in range(draw.choice((1, 1, 3, len(array)))):
        array[draw.randrange(len(array))] = np.array(value).astype(array.dtype)
    put(file, name, array)
    return f"{name} with {value}"


INDICES = ("indices", "indptr", "codes", "shape")


def attribute(file: h5py.File, draw: random.Random, _: Path) -> str:
    names = [n for n in ["/", *every(file)] if len(file[n].attrs)]
    name = draw.choice(names)
    attributes = file[name].attrs
    key = draw.choice(sorted(attributes))
    value = draw.choice((None, None, *ENCODINGS, *NAMES, *NUMBERS, "array", "shape", "long"))
    if value is None:
        del attributes[key]
    elif value == "array":
        attributes[key] = np.arange(draw.choice((0, 1, 2, 5)))
    elif value == "shape":
        attributes[key] = np.array(draw.choice(((2**40, 2**40), (-1, 3), (0, 0), (3,), (10**7, 7))))
    elif value == "long":
        del attributes[key]
        attributes.create(key, "x" * 60_000)
    elif key == "column-order":
        attributes[key] = np.array([str(value), *map(str, attributes[key])], object)
    else:
        attributes[key] = value
    return f"{key} of {name}: {str(value)[:30]!r}"


def encoding(file: h5py.File, draw: random.Random, _: Path) -> str:
    name, kind = any_of(file, draw), draw.choice(ENCODINGS)
    file[name].attrs["encoding-type"] = kind
    file[name].attrs["encoding-version"] = draw.choice(("0.1.0", "0.2.0", "9", ""))
    return f"{name} as {kind}"


def text(file: h5py.File, draw: random.Random, _: Path) -> str:
    """Names that are paths, empty, doubled, endless or no text at all; JSON of other values."""
    names = [n for n in every(file, h5py.Dataset) if file[n].dtype.kind in "OS"]
    name = draw.choice(names)
    dataset = file[name]
    if dataset.shape == ():
        words = dataset[()]
        words = words.decode() if isinstance(words, bytes) else str(words)
        try:
            json.loads(words)
            words = mangle_json(words, draw)
        except ValueError:
            words = draw.choice(NAMES)
        put(file, name, words.encode("utf-8", "surrogatepass"), dtype=h5py.string_dtype())
        return f"{name} as {words[:40]!r}"
    array = dataset[()].astype(object).reshape(-1)
    value = draw.choice((*NAMES, "x" * 10**6, array[0]))
    for _i in range(draw.choice((1, 1, 2, len(array)))):
        array[draw.randrange(len(array))] = (
            value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        )
    array[:] = [v.replace(b"\0", b"") for v in array]
    put(file, name, array.reshape(dataset.shape), dtype=h5py.string_dtype())
    return f"{name} with {value[:30]!r}"


def turned(file: h5py.File, draw: random.Random, _: Path) -> str:
    """A group in place of an array, or an array in place of a group."""
    name = any_of(file, draw)
    group, attributes = isinstance(file[name], h5py.Group), dict(file[name].attrs)
    del file[name]
    file[name] = np.arange(12) if group else file.create_group(None)
    if draw.random() < 0.5:
        file[name].attrs.update(attributes)
    return name


MUTATORS: tuple[Callable[[h5py.File, random.Random, Path], str], ...] = (
    *(delete, rename, swap, retype, retype, reshape, reshape, values, values, values, indices),
    *(indices, attribute, attribute, attribute, encoding, text, text, link, link, elsewhere),
    *(claim, bomb, deep, many, filtered, turned),
)
