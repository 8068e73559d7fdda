"""Chunks of a .zarr that are not there: zarr reads zeros in their place, and says nothing."""

from __future__ import annotations

import math
from typing import Any

import zarr


def missing(array: Any) -> int:
    """How many files of chunks are not in an array's folder; 0 of an array of another kind."""
    if not isinstance(array, zarr.Array) or array.size == 0:
        return 0
    # A shard is a file of several chunks, all of which count as written if it is there.
    chunks = array.shards or array.chunks
    in_each = math.prod(chunks) // math.prod(array.chunks)
    return files(array) - int(array.nchunks_initialized) // in_each


def files(array: zarr.Array) -> int:
    """How many files an array is cut into."""
    cut = zip(array.shape, array.shards or array.chunks, strict=True)
    return math.prod(-(-length // chunk) for length, chunk in cut)


def whole(name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a sparse matrix, which stores no zeros: no chunk is missing, now or later.

    One that goes while they are streamed is an error then.

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


def told(name: str, array: Any) -> str:
    """What to tell of a dense matrix of which chunks are missing; '' if none is."""
    lost = missing(array)
    if not lost:
        return ""
    return (
        f"{lost:,} of the {files(array):,} chunks of {name} are not in the folder and were read "
        "as zeros, for zarr may leave out chunks of zeros: check that it was copied completely."
    )
