"""Named arrays in a file, without pickle."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from engine.errors import FitError
from engine.files.atomic import atomic_write
from engine.files.own_files import read_arrays

Arrays = Mapping[str, np.ndarray]


def write(path: str | os.PathLike[str], arrays: Arrays) -> Path:
    """Write .npz, in place of an older file as a whole; FitError if that fails."""
    target = Path(path)
    try:
        with atomic_write(target) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise FitError(
            "a place to write the uncertainty", str(error), "Choose another path."
        ) from error
    return target


def read[T](path: str | os.PathLike[str], build: Callable[[Arrays], T]) -> T:
    """Apply ``build`` to the arrays of a file; FitError if it is missing or damaged."""
    try:
        arrays = read_arrays(Path(path))
        for name, array in arrays.items():
            if array.dtype.kind not in "buif" or not np.isfinite(array).all():
                raise ValueError(f"{name} is not of finite numbers")
        return build(arrays)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FitError(
            "an .npz written by Uncertainty.save",
            f"{Path(path).name}: {error}",
            "Work the uncertainty out again.",
        ) from error
