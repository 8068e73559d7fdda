"""Checks of the elements of an HDF5 or zarr file, before anything of it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import h5py
import numpy as np
import zarr

from engine.errors import DataError
from engine.files.walking import DEEPEST

# No compressor shrinks real counts this much; a claim beyond it fills memory with nothing.
VALUES_PER_BYTE = 1_100
VALUES_FREE = 10_000_000
# The same in bytes, for what is read into memory at once: names, labels, and all of a fit.
BYTES_PER_BYTE = 60
BYTES_FREE = 200_000_000
LABELS = ("obs", "var", "raw/var")


def check_elements(root: Any, names: Iterable[str], whole: Iterable[str], file_bytes: int) -> None:
    """Refuse links out of the file, and arrays out of proportion to its size.

    Parameters
    ----------
    root
        Open HDF5 file or zarr group.
    names
        Elements that will be read.
    whole
        Elements among them, or below them, that will be read as a whole.
    file_bytes
        Size on disk.

    Raises
    ------
    DataError
        If an HDF5 file has an external link, external storage or a virtual dataset anywhere, a
        name in an attribute leads out of its table, or an array claims more than the file holds.
    """
    names, whole = list(names), [name for name in whole if name in root]
    if isinstance(root, h5py.Group):
        _check_hdf5(root, names)
    limit = VALUES_PER_BYTE * file_bytes + VALUES_FREE
    # Listed once: to list thousands takes longer than anything else here.
    arrays = {name: dict(_arrays(root[name], name)) for name in names}
    for part, item in (pair for members in arrays.values() for pair in members.items()):
        _check_size(item, part, limit)
        if isinstance(item, zarr.Array):
            _check_codecs(item, part)
    below = {
        name: list((arrays.get(name) or dict(_arrays(root[name], name))).values()) for name in whole
    }
    claimed = sum(_bytes(item) for items in below.values() for item in items)
    if claimed > BYTES_PER_BYTE * file_bytes + BYTES_FREE:
        raise DataError(
            "names and labels in proportion to the size of the file",
            f"{claimed / 1e9:,.1f} GB of them in a file of {file_bytes / 1e6:,.1f} MB",
            "The file is damaged or was made to fill memory; do not use it.",
        )
    for name in whole:
        _check_names(root[name], name, below[name])


def check_compressed(arrays: Sequence[np.ndarray], shape: tuple[int, int]) -> None:
    """Refuse the arrays of a sparse matrix whose indices lead outside of them.

    SciPy follows indices unchecked, and its own check skips the row pointers if the last one is 0.

    Parameters
    ----------
    arrays
        Values, indices and pointers, in memory; one pointer more than ``shape[0]``.
    shape
        Compressed axis first.

    Raises
    ------
    ValueError
        If they do not fit together.
    """
    values, indices, indptr = arrays
    sound = (
        values.shape == indices.shape
        and values.ndim == 1
        and indices.dtype.kind in "iu"
        and indptr.dtype.kind in "iu"
        and indptr.shape == (shape[0] + 1,)
        and int(indptr[0]) == 0
        and int(indptr[-1]) <= len(values)
        and bool(np.all(indptr[1:] >= indptr[:-1]))
        and (len(indices) == 0 or (indices.min() >= 0 and indices.max() < shape[1]))
    )
    if not sound:
        raise ValueError("the arrays of a sparse matrix do not fit together")


def _check_hdf5(root: h5py.Group, names: list[str]) -> None:
    """Refuse links out of the file anywhere in it: an attribute can name any of them."""

    # What a callback raises is lost in the HDF5 library; what it returns ends the walk.
    def foreign_link(name: str, link: object) -> str | None:
        own = isinstance(link, h5py.HardLink)
        external = isinstance(link, h5py.ExternalLink) or name.count("/") > DEEPEST
        return name if external or (not own and name.split("/")[0] in names) else None

    def foreign_data(name: str, item: object) -> str | None:
        elsewhere = isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)
        return name if elsewhere else None

    foreign = root.visititems_links(foreign_link) or root.visititems(foreign_data)
    if foreign is not None and foreign.count("/") > DEEPEST:
        raise DataError(
            f"at most {DEEPEST} groups in one another",
            f"more of them below {foreign.split('/')[0]}",
            "The file is damaged or was made to fill memory; do not use it.",
        )
    if foreign is not None:
        raise _outside(foreign)


def _arrays(item: Any, name: str) -> Iterator[tuple[str, Any]]:
    """All arrays of an element, with their names."""
    if isinstance(item, zarr.Group):
        for part, member in item.members(None):
            if isinstance(member, zarr.Array):
                yield f"{name}/{part}", member
    elif isinstance(item, h5py.Group):
        members: list[tuple[str, Any]] = []
        item.visititems(lambda part, member: members.append((f"{name}/{part}", member)))
        yield from ((part, member) for part, member in members if isinstance(member, h5py.Dataset))
    else:
        yield name, item


def _bytes(item: Any) -> int:
    return int(item.size or 0) * max(np.dtype(item.dtype).itemsize, 1)


def _check_names(item: Any, name: str, arrays: Iterable[Any]) -> None:
    """Refuse names, in the attributes of a table or of its columns, that lead out of the table."""
    if isinstance(item, h5py.Dataset | zarr.Array):
        return
    # Before 0.8 AnnData named the categories of a column by a path.
    paths = [part.attrs.get("categories") for part in arrays]
    _check_paths([path for path in paths if isinstance(path, str | bytes)], name)
    given = item.attrs.get("column-order")
    columns = [] if given is None else np.asarray(given).ravel().tolist()
    _check_paths([item.attrs.get("_index"), *columns], name)


def _check_paths(parts: Iterable[Any], name: str) -> None:
    for part in parts:
        text = part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part)
        if text.startswith("/") or ".." in text.split("/"):
            raise DataError(
                f"names of columns in {name}", f"{text[:60]!r}, a path", "Write the file again."
            )


def _check_size(item: Any, name: str, limit: int) -> None:
    if item.size is not None and item.size > limit:
        raise DataError(
            "arrays in proportion to the size of the file",
            f"{item.size:,} values in {name}",
            "The file is damaged or was made to fill memory; do not use it.",
        )


def _check_codecs(item: zarr.Array, name: str) -> None:
    """Refuse pickles: to open one is to run it, and some versions of zarr do."""
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
