"""Named arrays in a file, without pickle."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import numpy as np

from engine.errors import FitError
from engine.files.atomic import atomic_write
from engine.files.own_files import read_arrays

Arrays = Mapping[str, np.ndarray]


class Saved(ABC):
    """Base of results that are named arrays in a file."""

    @abstractmethod
    def to_arrays(self) -> Arrays:
        """The arrays to save, of numbers only."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The inverse of `to_arrays`; KeyError, ValueError or TypeError if they are wrong."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write as .npz, under a temporary name first.

        Raises
        ------
        FitError
            If the file cannot be written.
        """
        return write(path, self.to_arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The inverse of `save`.

        Raises
        ------
        FitError
            If the file is missing, damaged or of something else.
        """
        return read(path, cls.from_arrays)


def write(path: str | os.PathLike[str], arrays: Arrays) -> Path:
    """Write .npz, replacing an older file at once; FitError if that fails."""
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
