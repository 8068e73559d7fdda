"""Parts of an HDF5 file, drawn by chance."""

from __future__ import annotations

import random
from typing import Any

import h5py

DEEPEST = 10


def every(file: h5py.File, kind: type | tuple[type, ...] = object) -> list[str]:
    """Names of all elements of a kind; the library's own walk hangs where groups lie too deep."""
    found: list[str] = []
    seen: set[int] = set()

    def walk(group: h5py.Group, start: str, depth: int) -> None:
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            place = h5py.h5o.get_info(item.id).addr
            if place in seen:
                continue
            seen.add(place)
            if isinstance(item, kind):
                found.append(f"{start}{name}")
            if isinstance(item, h5py.Group) and depth < DEEPEST:
                walk(item, f"{start}{name}/", depth + 1)

    walk(file, "", 0)
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
