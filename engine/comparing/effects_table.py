"""Estimated effects of many genes -> a tidy table, with a prior learned from all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtr

from engine.checks.uncertainty.delta_method import as_normal
from engine.checks.uncertainty.shrinkage import learned, shrink_effects
from engine.fitting.estimates import Estimates

# Pseudo-counts for genes without an effect, in signs: Stephens' default. Intervals shrunk as much
# would be too short: of 100 genes that all change they held 86 %.
FAVOUR = 9.0


def effects_table(
    effects: Estimates, called: str = "difference", centre: float = 0.0
) -> pd.DataFrame:
    """Effect, standard error, shrunken effect with its interval, lfsr, s-value and p-value.

    Adaptive shrinkage (`engine.checks.uncertainty.shrinkage`), its prior learned from as many
    effects as are independent; where no error is known, columns that need one are NaN.

    Parameters
    ----------
    centre
        Standard deviation of the reference of the effects about an unaffected gene, which is then
        so far from zero. Signs are those beyond it; intervals are of the effects as given.
    """
    columns = {called: effects.value, "standard_error": effects.error}
    rest = ("shrunken", "low_90", "high_90", "lfsr", "s_value", "p_value")
    if not effects.freedom:
        return pd.DataFrame(columns | dict.fromkeys(rest, np.nan))
    # Shrinkage takes normal errors: those with the tails of t.
    error = as_normal(effects.value, effects.error, effects.freedom)
    beyond = np.hypot(error, centre)
    careful = learned(effects.value, beyond, effects.independent, favour=FAVOUR)
    lfsr = shrink_effects(effects.value, beyond, careful).lfsr
    prior = learned(effects.value, beyond, effects.independent)
    prior = prior._replace(scales=np.hypot(prior.scales, centre))
    shrunken = shrink_effects(effects.value, error, prior)
    away = -np.abs(effects.value) / effects.error
    tail = ndtr(away) if np.isinf(effects.freedom) else stdtr(effects.freedom, away)
    values = (shrunken.mean, shrunken.low, shrunken.high, lfsr)
    columns |= dict(zip(rest, (*values, s_values(lfsr), 2 * tail), strict=True))
    return pd.DataFrame(columns)


def largest_first(table: pd.DataFrame, called: str) -> pd.DataFrame:
    """Sort by the least size in the interval, then by lfsr and size of the effect."""
    least = np.maximum(np.maximum(table["low_90"], -table["high_90"]), 0.0)
    order = np.lexsort((-np.abs(table[called]), table["lfsr"], -np.nan_to_num(least)))
    return table.iloc[order].reset_index(drop=True)


def s_values(lfsr: np.ndarray) -> np.ndarray:
    """Mean lfsr of all effects whose lfsr is no larger (Stephens 2017)."""
    order = np.argsort(lfsr, kind="stable")
    values = np.empty_like(lfsr)
    values[order] = np.cumsum(lfsr[order]) / np.arange(1, len(lfsr) + 1)
    return values
