"""Checks of a fit that was read from a file, before it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from engine.errors import FitError
from engine.fitting.status import Status

REMEDY = "The file is damaged: make the fit again, or bring an earlier copy back."


class _Common(Protocol):
    """Fields that all fits have."""

    cells: pd.Index
    genes: pd.Index
    encoder: dict[str, np.ndarray]
    data: dict[str, Any]
    versions: dict[str, str]
    status: Status


def check_arrays(
    arrays: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    least: Mapping[str, float],
) -> None:
    """Raise an error unless the arrays of a fit hold finite numbers and have the expected shapes.

    Parameters
    ----------
    arrays, shapes
        By name.
    least
        Lowest allowed value of the arrays that have one, by name.

    Raises
    ------
    FitError
        If an array is not.
    """
    for name, array in arrays.items():
        if array.shape != shapes[name]:
            raise FitError(
                f"{name} of shape {shapes[name]}, as names and factors say",
                f"shape {array.shape}",
                REMEDY,
            )
        if array.dtype.kind not in "buif":
            raise FitError(f"numbers in {name}", f"values of type {array.dtype}", REMEDY)
        wrong = ~np.isfinite(array)
        if name in least:
            wrong |= array < least[name]
        if wrong.any():
            allowed = f"of at least {least[name]:g} " if name in least else ""
            raise FitError(
                f"finite numbers {allowed}in {name}",
                f"{int(wrong.sum()):,} others, the first {array[wrong][0]:g}",
                REMEDY,
            )


def check_names(cells: pd.Index, genes: pd.Index) -> None:
    """Raise an error unless the names are distinct strings.

    Raises
    ------
    FitError
        If some are not.
    """
    for what, names in (("cells", cells), ("genes", genes)):
        if not names.is_unique or infer_dtype(names, skipna=False) != "string":
            problem = str(names[names.duplicated()][:1].tolist() or names.dtype)
            raise FitError(f"a name of its own for each of the {what}", problem[:200], REMEDY)


def check_rest(fit: _Common) -> None:
    """Check the fields that all fits have."""
    check_names(fit.cells, fit.genes)
    encoder = {f"encoder {name}": array for name, array in fit.encoder.items()}
    check_arrays(encoder, {name: array.shape for name, array in encoder.items()}, {})
    for what in ("data", "versions"):
        if not isinstance(getattr(fit, what), dict):
            raise FitError(f"{what} by name", str(getattr(fit, what))[:200], REMEDY)
    _check_status(fit.status)


def _check_status(status: Status) -> None:
    numbers = (status.passes, status.seconds, status.seconds_compiling, status.n_failed_cells)
    sound = (
        status.state in ("running", "converged", "completed", "stopped")
        and isinstance(status.reason, str)
        and all(isinstance(n, int | float) and 0 <= n < 1e15 for n in numbers)
    )
    if not sound:
        raise FitError("a status with a state, a reason and times", str(status)[:200], REMEDY)
