"""Checks of the arguments of public functions: the right type, and at least one cell."""

from __future__ import annotations

from typing import NamedTuple

from engine.data import Counts
from engine.errors import ConfigError, DataError


class Kind(NamedTuple):
    """The type of fit that a function takes, the same in words, and the remedy for another type."""

    type: type
    expected: str
    remedy: str


def expect(fit: object = None, kind: Kind | None = None, counts: object = None) -> None:
    """Raise an error for arguments of a wrong type; None is not checked.

    Raises
    ------
    ConfigError
        If the fit is not of the kind.
    DataError
        If the counts are of another type, or have no cells.
    """
    if kind is not None and not isinstance(fit, kind.type):
        raise ConfigError(kind.expected, f"an object of type {type(fit).__name__}", kind.remedy)
    if counts is None:
        return
    if not isinstance(counts, Counts):
        raise DataError(
            "counts as engine.read_counts returns them",
            f"an object of type {type(counts).__name__}",
            "Pass engine.read_counts(data).",
        )
    if counts.n_cells == 0:
        raise DataError("counts of at least one cell", "none", "Choose other cells.")
