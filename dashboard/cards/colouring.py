"""Colours of the cells of a fit, by the chosen colouring."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from dashboard.bare import is_bare
from dashboard.plots.colours import Colouring, colour_labels, colour_numbers
from dashboard.state import (
    CAPTURE,
    CAPTURE_SD,
    CLR,
    COUNTS,
    FACTOR_SD,
    LABEL,
    TOTAL_COUNTS,
    AppState,
)
from engine import summaries
from engine.per_fit import per_fit
from engine.results import OTHER, AnyFit

CAPTURE_PRIORS = {
    "anchored": "anchored to each cell's library size, and told by it",
    "population": "shared by all cells",
}
MOST_CACHED = 6


def shown(state: AppState) -> Colouring:
    """Colours of the cells of the shown fit; there must be one."""
    assert state.fit is not None
    factor = state.shown_factor
    name = state.names[factor] if factor < len(state.names) else ""
    return colouring(state.fit, state.colour, factor, state.fit_counts, name)


def colouring(
    fit: AnyFit,
    key: str,
    factor: int,
    counts: sparse.csc_matrix | None = None,
    name: str = "",
) -> Colouring:
    """Colours of the cells of a fit; the latest `MOST_CACHED` are cached as long as the fit lives.

    Parameters
    ----------
    key
        One of the values of `AppState.colours`; anything else colours by the factor, or by total
        counts if the fit has none.
    counts
        (C, G) counts of the fit, for the colours that show them.
    name
        Name of the factor; by default its name in the fit.
    """
    cached = _cached_colourings(fit)
    name = name or (fit.factor_names[factor] if fit.n_factors else "")
    request = (key, factor, counts is None, name)
    colours = cached.pop(request, None)
    cached[request] = colours = colours or _colouring(fit, key, factor, counts, name)
    while len(cached) > MOST_CACHED:
        cached.popitem(last=False)
    return colours


@per_fit
def _cached_colourings(fit: AnyFit) -> OrderedDict[tuple[str, int, bool, str], Colouring]:
    return OrderedDict()


def _colouring(
    fit: AnyFit, key: str, factor: int, counts: sparse.csc_matrix | None, named: str
) -> Colouring:
    if key == TOTAL_COUNTS:
        return colour_numbers(np.log10(fit.total_counts), "total counts (log10)")
    if key == CAPTURE and (values := fit.cell_quantity("capture")) is not None:
        prior = CAPTURE_PRIORS["anchored" if fit.can("anchored_totals") else "population"]
        return colour_numbers(values, f"capture efficiency; prior {prior}")
    if key == CAPTURE_SD and (values := fit.cell_quantity_sd("capture")) is not None:
        return colour_numbers(values, "posterior sd of capture efficiency")
    if key == FACTOR_SD and fit.n_factors and (sd := fit.cell_weights_sd()) is not None:
        title = f"posterior sd of the score of {named}"
        return colour_numbers(sd[:, factor], title)
    if key.startswith(LABEL) and (name := key.removeprefix(LABEL)) in fit.obs:
        column = fit.obs[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            return colour_numbers(column.to_numpy(float), name)
        return colour_labels(column, name)
    if key.startswith(CLR) and _is_gene(fit, gene := key.removeprefix(CLR)):
        values = summaries.cell_clr(fit, [gene]).to_numpy()[:, 0]
        only = f"{fit.vocabulary.latents} only"
        title = f"{gene} CLR (nats; {only}; grey: mean)"
        return colour_numbers(values, title, diverging=True, centre=float(values.mean()))
    gene = key.removeprefix(COUNTS)
    if key.startswith(COUNTS) and counts is not None and _is_gene(fit, gene):
        matrix: Any = counts
        column = matrix[:, [fit.genes.get_loc(gene)]].toarray()[:, 0]
        return colour_numbers(np.log10(1 + column), f"{gene} counts (log10 of 1 + counts)")
    if is_bare(fit):
        return _colouring(fit, TOTAL_COUNTS, factor, counts, named)
    title = score_title(fit, named)
    weights = fit.cell_weights()[:, factor]
    if fit.can("mixtures"):
        return colour_numbers(weights, title, limits=(0, 1))
    return colour_numbers(weights, title, diverging=True)


def score_title(fit: AnyFit, name: str) -> str:
    """Title of the scores or proportions of a factor or topic, with the unit."""
    if fit.can("mixtures"):
        return f"proportion of {name}"
    return f"{name} score ({fit.vocabulary.unit})"


def _is_gene(fit: AnyFit, name: str) -> bool:
    return name != OTHER and name in fit.genes
