"""Posterior distributions that are mixtures of normals about zero, of which one is zero itself."""

from __future__ import annotations

import numpy as np
from scipy import special

# Of each estimate (n, M): weights, means and standard deviations of normals.
Posterior = tuple[np.ndarray, np.ndarray, np.ndarray]
# The largest error that is used.
_UNKNOWN = 1e6
_NEWTON, _EXACT = 60, 1e-6


def posterior_of(
    z: np.ndarray, error: np.ndarray, weights: np.ndarray, scales: np.ndarray
) -> Posterior:
    """(n, M) weights, means and standard deviations of the components of each posterior.

    ``scales`` are the standard deviations of the components of the prior, (M,) or (n, M).
    """
    # An infinite error has no information; neither has one far larger than any effect.
    known = np.minimum(error, _UNKNOWN)[:, None] ** 2
    whole = known + scales**2
    shrinkage = scales**2 / whole
    weight = np.log(whole)
    weight += z[:, None] ** 2 / whole
    weight *= -0.5
    with np.errstate(divide="ignore"):
        weight += np.log(weights)
    weight -= weight.max(1, keepdims=True)
    np.exp(weight, out=weight)
    weight /= weight.sum(1, keepdims=True)
    return weight, shrinkage * z[:, None], np.sqrt(shrinkage * known)


def rates_of(posterior: Posterior, small: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates lfsr and fsos of estimates (n,) that are not negative."""
    lfsr, fsos = (1 - above(least, posterior) for least in (np.zeros(1), np.arctanh(small)))
    return np.clip(lfsr, 0, 1), np.clip(fsos, 0, 1)


def above(least: np.ndarray, posterior: Posterior) -> np.ndarray:
    """(n,) probabilities of more than ``least``, which is not negative."""
    shares, means, sds = posterior
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = special.ndtr((means - least[:, None]) / sds)
    # Zero itself is not above.
    return np.asarray((shares * np.where(sds > 0, beyond, 0.0)).sum(1))


def quantile_of(share: float, shares: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """(n,) quantiles of mixtures of normals; components without a spread are at zero."""
    spread = sds > 0
    weights = np.where(spread, shares, 0.0)
    scale = np.where(spread, sds, 1.0)
    below = (weights * special.ndtr(-means / scale)).sum(1)
    at_zero = np.where(spread, 0.0, shares).sum(1)
    quantiles = np.zeros(len(below))
    left = np.flatnonzero((share <= below) | (share > below + at_zero))
    # Above zero, the weight at zero is already below.
    target = np.where(share <= below, share, share - at_zero)[left]
    weights, means, scale = weights[left], means[left], scale[left]
    # It lies between the quantiles of the components, of which zero is one.
    ends = np.where(spread[left], means + scale * special.ndtri(share), 0.0)
    low, high = ends.min(1, initial=0.0), ends.max(1, initial=0.0)
    at = np.clip((shares[left] * ends).sum(1), low, high)
    for _ in range(_NEWTON):
        distance = (at[:, None] - means) / scale
        over = (weights * special.ndtr(distance)).sum(1) - target
        quantiles[left] = at
        # A small step is no criterion: it may only be due to a narrow component.
        going = (np.abs(over) > _EXACT) & (high - low > _EXACT)
        if not going.any():
            break
        low, high = np.where(over < 0, at, low), np.where(over < 0, high, at)
        slope = (weights / scale * np.exp(-0.5 * distance**2)).sum(1) / np.sqrt(2 * np.pi)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            moved = at - over / slope
        moved = np.where((moved > low) & (moved < high), moved, (low + high) / 2)
        left, target, at, low, high = (of[going] for of in (left, target, moved, low, high))
        weights, means, scale = weights[going], means[going], scale[going]
    return quantiles
