"""Checks of the fields that only a log-ratio fit has, after it was read from a file."""

from __future__ import annotations

import math

import numpy as np

from engine.errors import FitError
from engine.fitting.checked import REMEDY, check_arrays
from engine.lnm.arrays import FactorArrays, Totals


def check_fit(fit: FactorArrays) -> None:
    """Raise an error if fields disagree or are not finite, see `check_arrays`."""
    cells, genes = (len(fit.cells),), (len(fit.genes),)
    k = (fit.config.size,)
    arrays: dict[str, np.ndarray] = {"effects": np.asarray(fit.effects)}
    shapes: dict[str, tuple[int, ...]] = {
        "effects": (*genes, len(fit.design.columns) if fit.design else 0)
    }
    if fit.capture is not None:
        for name, array in vars(fit.capture).items():
            arrays[name], shapes[name] = np.asarray(array), cells
    names = {"mean_clr": (), "loadings": k, "noise": ()}
    for name, array in fit.draws.items():
        number = len(fit.draws["noise"]) if name in names else 0
        arrays[f"draws of {name}"] = array
        shapes[f"draws of {name}"] = (number, *genes, *names.get(name, ()))
    for column in fit.coefficients:
        for name, array in (("coefficients", column.value), ("their errors", column.error)):
            arrays[name], shapes[name] = array, genes
    if fit.design is not None and len(fit.coefficients) != fit.design.n_fixed:
        raise FitError(
            f"coefficients of {fit.design.n_fixed} columns", f"{len(fit.coefficients)}", REMEDY
        )
    check_arrays(arrays, shapes, dict.fromkeys(("eta_sd", "efficiency"), 0.0))
    _check_totals(fit)


def _check_totals(fit: FactorArrays) -> None:
    every = [fit.totals, *(of_level for _, of_level in fit.totals.levels)]
    if not all(map(_is_sound, every)) or not isinstance(fit.prior, dict):
        raise FitError("numbers for the totals of cells", str(fit.totals)[:200], REMEDY)


def _is_sound(totals: Totals) -> bool:
    known = [totals.mean, totals.concentration]
    known += [value for value in (totals.eta_location, totals.eta_scale) if value is not None]
    known += [value for one in totals.alternatives for value in one]
    whole = all(len(one) == 4 and min(one[0], *one[2:]) > 0 for one in totals.alternatives)
    return whole and all(map(_is_number, known))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
