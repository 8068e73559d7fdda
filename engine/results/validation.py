"""What a fit that was read from a file must be before anything is shown of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from engine.errors import FitError

if TYPE_CHECKING:
    from engine.lda.fit import TopicFit
    from engine.lnm.fit import Fit

_REMEDY = "The file is damaged: make the fit again, or bring an earlier copy back."


def check_arrays(
    arrays: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    least: Mapping[str, float],
) -> None:
    """Refuse arrays of a fit that are not of finite numbers, or of another shape than its names.

    Parameters
    ----------
    arrays, shapes
        By name.
    least
        Lowest value that is allowed, of those that have one.

    Raises
    ------
    FitError
        If one is wrong.
    """
    for name, array in arrays.items():
        if array.shape != shapes[name]:
            raise FitError(
                f"{name} of shape {shapes[name]}, as names and factors say",
                f"shape {array.shape}",
                _REMEDY,
            )
        if array.dtype.kind not in "buif":
            raise FitError(f"numbers in {name}", f"values of type {array.dtype}", _REMEDY)
        wrong = ~np.isfinite(array)
        if name in least:
            wrong |= array < least[name]
        if wrong.any():
            allowed = f"of at least {least[name]:g} " if name in least else ""
            raise FitError(
                f"finite numbers {allowed}in {name}",
                f"{int(wrong.sum()):,} others, the first {array[wrong][0]:g}",
                _REMEDY,
            )


def check_fit(fit: Fit) -> None:
    """Refuse a fit of factors whose parts do not agree or are not finite; see `check_arrays`."""
    cells, genes = (len(fit.cells),), (len(fit.genes),)
    k = (fit.config.size,)
    shapes = {
        "mean_clr": genes,
        "loadings": genes + k,
        "noise": genes,
        "scores": cells + k,
        "scores_sd": cells + k,
        "log_marginal": cells,
        "total_counts": cells,
    }
    arrays = {name: np.asarray(getattr(fit, name)) for name in shapes}
    if fit.capture is not None:
        for name, array in vars(fit.capture).items():
            arrays[name], shapes[name] = np.asarray(array), cells
    least = dict.fromkeys(("noise", "scores_sd", "total_counts", "eta_sd", "efficiency"), 0.0)
    names = {"mean_clr": (), "loadings": k, "noise": ()}
    for name, array in fit.draws.items():
        number = len(fit.draws["noise"]) if name in names else 0
        arrays[f"draws of {name}"] = array
        shapes[f"draws of {name}"] = (number, *genes, *names.get(name, ()))
    check_arrays(arrays, shapes, least)
    _check_totals(fit)
    _check_rest(fit)


def check_topics(fit: TopicFit) -> None:
    """Refuse a fit of topics whose parts do not agree or are not finite; see `check_arrays`."""
    cells, genes = (len(fit.cells),), (len(fit.genes),)
    k = (fit.config.size,)
    of_genes = dict.fromkeys(("topics", "topic_location", "topic_scale"), genes + k)
    of_cells = dict.fromkeys(("proportions", "location", "scale"), cells + k)
    shapes = {**of_genes, **of_cells, "bound": cells, "total_counts": cells}
    least = dict.fromkeys(("topics", "topic_scale", "proportions", "scale", "total_counts"), 0.0)
    check_arrays({name: np.asarray(getattr(fit, name)) for name in shapes}, shapes, least)
    _check_rest(fit)


def _check_totals(fit: Fit) -> None:
    totals = fit.totals
    known = [totals.mean, totals.concentration]
    known += [value for value in (totals.eta_location, totals.eta_scale) if value is not None]
    known += [value for one in totals.alternatives for value in one]
    whole = all(len(one) == 4 and min(one[0], *one[2:]) > 0 for one in totals.alternatives)
    if not all(map(_is_number, known)) or not whole or not isinstance(fit.prior, dict):
        raise FitError("numbers for the totals of cells", str(totals)[:200], _REMEDY)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_names(cells: pd.Index, genes: pd.Index) -> None:
    """Refuse names that are not distinct texts.

    Raises
    ------
    FitError
        If some are not.
    """
    for what, names in (("cells", cells), ("genes", genes)):
        if not names.is_unique or infer_dtype(names, skipna=False) != "string":
            found = str(names[names.duplicated()][:1].tolist() or names.dtype)
            raise FitError(f"a name of its own for each of the {what}", found[:200], _REMEDY)


def _check_rest(fit: Fit | TopicFit) -> None:
    """Names, the encoder and how the fit ended, which all models have."""
    check_names(fit.cells, fit.genes)
    encoder = {f"encoder {name}": array for name, array in fit.encoder.items()}
    check_arrays(encoder, {name: array.shape for name, array in encoder.items()}, {})
    for what in ("data", "versions"):
        if not isinstance(getattr(fit, what), dict):
            raise FitError(f"{what} by name", str(getattr(fit, what))[:200], _REMEDY)
    _check_status(fit)


def _check_status(fit: Fit | TopicFit) -> None:
    status = fit.status
    numbers = (status.passes, status.seconds, status.seconds_compiling, status.n_failed_cells)
    sound = (
        status.state in ("running", "converged", "completed", "stopped")
        and isinstance(status.reason, str)
        and all(isinstance(n, int | float) and 0 <= n < 1e15 for n in numbers)
    )
    if not sound:
        raise FitError("a status with a state, a reason and times", str(status)[:200], _REMEDY)
