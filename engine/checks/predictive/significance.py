"""How surprising an observed statistic is among replicated ones.

The share of draws that are as extreme is exact, but 100 draws cannot tell 1 in 100 from 1 in
100,000, which a correction for thousands of genes requires. So where fewer than ten draws are as
extreme, the tail is that of a Pearson type III (shifted gamma) distribution with the draws' mean,
variance and skewness, as in permutation tests (Winkler, Ridgway, Douaud, Nichols & Smith 2016,
NeuroImage 141, section 2.3).
"""

from __future__ import annotations

import numpy as np
from scipy import stats

# If so many draws are as extreme as the observed value, their share is used.
_ENOUGH = 10
_LEAST_SKEW, _MOST_SKEW = 0.05, 4.0
_LEAST_P = 1e-300


def two_sided_p(
    observed: np.ndarray, draws: np.ndarray, grain: np.ndarray | float = 0.0
) -> np.ndarray:
    """Posterior predictive p-values, two-sided.

    Twice the smaller tail, at most 1. A tail counts the observed value among the draws,
    ``(1 + as extreme) / (S + 1)``: in exact checks it is never too small.

    Parameters
    ----------
    observed, draws
        (n,) and (S, n) values of a statistic.
    grain
        Steps in which a statistic of counts moves: as for rounding, a variance ``grain^2 / 12`` is
        added to that of the draws, which may all be equal.

    Returns
    -------
    (n,) from 1e-300 to 1.
    """
    n_draws = len(draws)
    mean = draws.mean(0)
    centred = draws - mean
    variance = (centred**2).sum(0) / (n_draws - 1)
    # Prediction of another value: the error of the mean adds to the variance.
    total = variance * (1 + 1 / n_draws) + np.asarray(grain, float) ** 2 / 12
    spread = np.sqrt(total)
    sound = spread > 0
    spread = np.where(sound, spread, 1.0)
    skew = np.divide(
        (centred**3).mean(0), spread**3, out=np.zeros_like(mean), where=sound & (variance > 0)
    )
    z = (observed - mean) / spread
    tails = []
    for sign in (1, -1):
        beyond = (draws >= observed if sign > 0 else draws <= observed).sum(0)
        share = (1 + beyond) / (n_draws + 1)
        fitted = np.where(sound, _upper_tail(sign * z, sign * skew, n_draws), share)
        tails.append(np.where(beyond < _ENOUGH, np.minimum(fitted, share), share))
    return np.clip(2 * np.minimum(*tails), _LEAST_P, 1.0)


def false_discovery(p_values: np.ndarray) -> np.ndarray:
    """p-values adjusted by Benjamini & Hochberg (1995); of those up to q, a share q is false."""
    if len(p_values) == 0:
        return p_values
    return np.asarray(stats.false_discovery_control(p_values))


def _upper_tail(z: np.ndarray, skew: np.ndarray, n_draws: int) -> np.ndarray:
    """Tail of Pearson III, or of Student's t if heavier, as the variance is that of a few draws.

    Beyond its support, Pearson III alone would give 0.
    """
    symmetric = stats.t.sf(z, n_draws - 1)
    bent = stats.pearson3.sf(z, np.clip(skew, _LEAST_SKEW, _MOST_SKEW))
    return np.where(skew > _LEAST_SKEW, np.maximum(bent, symmetric), symmetric)
