"""Refuse files that claim more than they can hold or that point outside themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h5py
import zarr

from engine.errors import DataError

MAX_CELLS = 100_000_000
MAX_GENES = 2_000_000
# No compressor shrinks real counts this much; a claim beyond it fills memory with nothing.
VALUES_PER_BYTE = 1_100
VALUES_FREE = 10_000_000


def check_shape(found: tuple[int, int], expected: tuple[int, int], layer: str, file: str) -> None:
    """Refuse a matrix that does not fit its names."""
    if tuple(found) != expected:
        raise DataError(
            f"{expected[0]:,} cells x {expected[1]:,} genes in {layer}, as obs and var say",
            f"{found[0]:,} x {found[1]:,} in {file}",
            "The file is inconsistent: write it again from the original data.",
        )


def check_sizes(cells: int, genes: int, file: str) -> None:
    """Refuse no cells, no genes, or more than any experiment has."""
    if cells == 0 or genes == 0:
        raise DataError(
            "at least one cell and one gene",
            f"{cells:,} cells and {genes:,} genes in {file}",
            "Check the filters that made this file.",
        )
    if cells > MAX_CELLS or genes > MAX_GENES:
        raise DataError(
            f"at most {MAX_CELLS:,} cells and {MAX_GENES:,} genes",
            f"{cells:,} cells and {genes:,} genes in {file}",
            "Read a part of it, and check that cells are rows and genes columns.",
        )


def check_elements(root: Any, names: Iterable[str], file_bytes: int) -> None:
    """Refuse links out of the file and arrays out of proportion to its size.

    Parameters
    ----------
    root
        Open HDF5 file or zarr group.
    names
        Elements that will be read.
    file_bytes
        Size on disk.
    """
    limit = VALUES_PER_BYTE * file_bytes + VALUES_FREE
    for name in names:
        if isinstance(root, zarr.Group):
            member = root[name]
            arrays = [("", member)] if isinstance(member, zarr.Array) else member.members(None)
            for part, item in arrays:
                if isinstance(item, zarr.Array):
                    _check_size(item, f"{name}/{part}", limit)
                    _check_codecs(item, f"{name}/{part}")
        else:
            _check_link(name, root.get(name, getlink=True))
            _check_hdf5(name, root[name], limit)
            if isinstance(root[name], h5py.Group):
                root[name].visititems_links(_check_link)
                root[name].visititems(lambda part, item: _check_hdf5(part, item, limit))


def _check_link(name: str, link: object) -> None:
    if not isinstance(link, h5py.HardLink):
        raise _outside(name)


def _check_hdf5(name: str, item: object, limit: int) -> None:
    if isinstance(item, h5py.Dataset):
        if item.external or item.is_virtual:
            raise _outside(name)
        _check_size(item, name, limit)


def _check_size(item: Any, name: str, limit: int) -> None:
    if item.size is not None and item.size > limit:
        raise DataError(
            "arrays in proportion to the size of the file",
            f"{item.size:,} values in {name}",
            "The file is damaged or was made to fill memory; do not use it.",
        )


def _check_codecs(item: zarr.Array, name: str) -> None:
    """To open a pickle is to run it, and not every version of zarr declines."""
    if any(
        getattr(codec, "codec_id", "") == "pickle" for codec in (*item.filters, *item.compressors)
    ):
        raise DataError(
            "arrays of plain values",
            f"Python objects (pickle) in {name}",
            "Do not open this file with other tools either unless you trust its author.",
        )


def _outside(name: str) -> DataError:
    return DataError(
        "a file that holds all its data itself",
        f"{name} pointing elsewhere",
        "Write the data to one file with adata.write_h5ad.",
    )
