"""Finds missing chunks of a .zarr, in whose place zarr silently reads zeros."""

from __future__ import annotations

import math
from typing import Any

import zarr


def missing(array: Any) -> int:
    """Number of missing chunk files of an array; 0 if it is not a zarr array."""
    if not isinstance(array, zarr.Array) or array.size == 0:
        return 0
    # A shard is a file of several chunks, all of which count as written if it is there.
    chunks = array.shards or array.chunks
    in_each = math.prod(chunks) // math.prod(array.chunks)
    return files(array) - int(array.nchunks_initialized) // in_each


def files(array: zarr.Array) -> int:
    """Number of files into which an array is divided."""
    cut = zip(array.shape, array.shards or array.chunks, strict=True)
    return math.prod(-(-length // chunk) for length, chunk in cut)


def whole(name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Check that the arrays of a sparse matrix miss no chunk; a later loss then raises an error.

    They store no zeros, so zeros in place of a missing chunk are always wrong.

    Parameters
    ----------
    arrays
        Values, indices and pointers, by name.

    Raises
    ------
    ValueError
        If one is missing.
    """
    if arrays["data"].shape == (0,):
        # The pointers are all zeros then, and may be left out.
        return arrays
    for part, array in arrays.items():
        lost = missing(array)
        if lost:
            raise ValueError(f"{lost:,} of {files(array):,} chunks of {name}/{part} are missing")
    return {
        part: array.with_config({"read_missing_chunks": False})
        if isinstance(array, zarr.Array)
        else array
        for part, array in arrays.items()
    }


def missing_words(name: str, array: Any) -> str:
    """Message on missing chunks of a dense matrix; '' if there are none."""
    lost = missing(array)
    if not lost:
        return ""
    return (
        f"{lost:,} of the {files(array):,} chunks of {name} are not in the folder and were read "
        "as zeros, for zarr may leave out chunks of zeros: check that it was copied completely."
    )
