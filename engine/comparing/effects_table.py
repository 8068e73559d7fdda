"""Estimated effects of many genes -> a tidy table, each judged by what all of them tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtr

from engine.checks.uncertainty.delta_method import as_normal
from engine.checks.uncertainty.shrinkage import learned, shrink_effects
from engine.fitting.estimates import Estimates

# Pseudo-counts for genes without an effect: Stephens' default.
FAVOUR = 9.0


def effects_table(found: Estimates, called: str = "difference") -> pd.DataFrame:
    """Effect, standard error, shrunken effect with its interval, lfsr, s-value and p-value.

    Adaptive shrinkage (`engine.checks.uncertainty.shrinkage`), its prior learned from as many
    effects as are independent; where no error is known, all that rests on one is missing.
    """
    columns = {called: found.value, "standard_error": found.error}
    rest = ("shrunken", "low_90", "high_90", "lfsr", "s_value", "p_value")
    if not found.freedom:
        return pd.DataFrame(columns | dict.fromkeys(rest, np.nan))
    # A normal with the tails of t, of which shrinkage knows.
    error = as_normal(found.value, found.error, found.freedom)
    prior = learned(found.value, error, found.independent, favour=FAVOUR)
    shrunken = shrink_effects(found.value, error, prior)
    away = -np.abs(found.value) / found.error
    tail = ndtr(away) if np.isinf(found.freedom) else stdtr(found.freedom, away)
    values = (shrunken.mean, shrunken.low, shrunken.high, shrunken.lfsr)
    columns |= dict(zip(rest, (*values, s_values(shrunken.lfsr), 2 * tail), strict=True))
    return pd.DataFrame(columns)


def largest_first(table: pd.DataFrame, called: str) -> pd.DataFrame:
    """By how large the effect is at least; where nothing is told of that, by how large it is."""
    least = np.maximum(np.maximum(table["low_90"], -table["high_90"]), 0.0)
    order = np.lexsort((-np.abs(table[called]), table["lfsr"], -np.nan_to_num(least)))
    return table.iloc[order].reset_index(drop=True)


def s_values(lfsr: np.ndarray) -> np.ndarray:
    """Mean lfsr of all that have no larger one (Stephens 2017)."""
    order = np.argsort(lfsr, kind="stable")
    found = np.empty_like(lfsr)
    found[order] = np.cumsum(lfsr[order]) / np.arange(1, len(lfsr) + 1)
    return found
