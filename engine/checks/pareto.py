"""Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25:72).

The largest weights are replaced by quantiles of the generalised Pareto distribution that fits
them. Its shape k says whether the sample can be trusted: below 0.7 it can; above, the weights have
so heavy a tail that no feasible number of draws makes up for it.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

RELIABLE = 0.7
_FEWEST = 5


def smooth(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Smoothed logarithms of importance weights, and the shape k of their tail.

    Parameters
    ----------
    log_weights
        (S,), from 25 draws on.

    Returns
    -------
    (S,) in the order given and on the same scale; k, at most 0 for weights all but alike.
    """
    top = log_weights.max()
    weights = np.exp(log_weights - top)
    n_draws = len(weights)
    n_tail = int(min(0.2 * n_draws, 3 * np.sqrt(n_draws)))
    order = np.argsort(weights, kind="stable")
    tail = order[-n_tail:]
    cutoff = weights[order[-n_tail - 1]]
    excess = weights[tail] - cutoff
    if n_tail < _FEWEST or excess[-1] < 1e-10:
        return log_weights, 0.0
    shape, scale = fit_pareto(np.maximum(excess, 1e-12 * excess[-1]))
    level = (np.arange(n_tail) + 0.5) / n_tail
    survival = np.log1p(-level)
    grown = -survival if abs(shape) < 1e-9 else np.expm1(-shape * survival) / shape
    smoothed = log_weights.copy()
    smoothed[tail] = np.minimum(np.log(cutoff + scale * grown), 0.0) + top
    return smoothed, shape


def fit_pareto(excess: np.ndarray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution.

    The posterior mean of Zhang & Stephens (2009, Technometrics 51), its shape drawn towards 0.5 as
    by ten further observations (Vehtari et al. 2024, appendix C).

    Parameters
    ----------
    excess
        (n,) ascending, above zero.
    """
    n = len(excess)
    n_grid = 30 + int(np.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    grid = np.arange(1, n_grid + 1) - 0.5
    theta = 1 / excess[-1] + (1 - np.sqrt(n_grid / grid)) / (3 * quartile)
    shapes = np.log1p(-theta[:, None] * excess).mean(1)
    profile = n * (np.log(-theta / shapes) - shapes - 1)
    weight = np.exp(profile - logsumexp(profile))
    best = float((theta * weight).sum())
    shape = float(np.log1p(-best * excess).mean())
    return (shape * n + 5) / (n + 10), -shape / best
