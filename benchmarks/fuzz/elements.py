"""Parts of an HDF5 file, drawn by chance."""

from __future__ import annotations

import random
from typing import Any

import h5py


def every(file: h5py.File, kind: type | tuple[type, ...] = object) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, kind) else None)
    return sorted(found)


def any_of(file: h5py.File, draw: random.Random, kind: Any = object) -> str:
    return draw.choice(every(file, kind))


def array_of(file: h5py.File, draw: random.Random) -> str:
    return any_of(file, draw, h5py.Dataset)


def place_of(file: h5py.File, draw: random.Random) -> h5py.Group:
    return draw.choice([file, *(file[name] for name in every(file, h5py.Group))])


def put(file: h5py.File, name: str, values: Any, **made: Any) -> None:
    """Another array in place of one, of the same attributes."""
    attributes = dict(file[name].attrs)
    del file[name]
    file.create_dataset(name, data=values, **made)
    for key, value in attributes.items():
        file[name].attrs[key] = value
