"""Adaptive shrinkage: what the correlations of all pairs tell of each (Stephens 2017).

On the scale of Fisher's z the estimate of a pair is normal about its true value theta, with the
standard error s that the delta method or a bootstrap gives it. What theta can be is learned from
all pairs together: none at all, or normal about zero with one of many standard deviations,

    z ~ N(theta, s^2),    theta ~ pi_0 delta_0 + sum_m pi_m N(0, tau_m^2).

The weights maximise the likelihood, that of zero favoured by a few pseudo-counts. Given them, the
posterior of a pair is a mixture again, and everything about it has a closed form but the ends of
its interval. Stephens, M. (2017), False discovery rates: a new deal, Biostatistics 18; the rate of
signs that are false or effects that are small: Zhu, A., Ibrahim, J. G. & Love, M. I. (2019),
Heavy-tailed prior distributions for sequence count data, Bioinformatics 35.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

# A correlation that is smaller is nothing that anybody would follow up.
SMALL = 0.1
# Pseudo-counts that favour pairs without a correlation (Stephens' default, less the one).
_FAVOUR = 9.0
# The ratio of one standard deviation of the prior to the next, and how many there may be.
_RATIO, _MOST = 2.0, 30
_PASSES, _GAIN = 2000, 1e-6
# A component that has less of the pairs is left out of what follows.
_LEAST = 1e-6
_LEAST_ERROR = 1e-6
_LOW, _HIGH = 0.05, 0.95
_NEWTON, _EXACT = 40, 1e-5
# Pairs that are worked on at a time.
_BLOCK = 20_000


class Prior(NamedTuple):
    """What a correlation can be, on the scale of Fisher's z.

    Attributes
    ----------
    weights, scales
        (M,) of the components, and their standard deviations; the first is 0.
    rates
        (n,) rates of `Shrunken.fsos` among the pairs that it was learned from, ascending.
    """

    weights: np.ndarray
    scales: np.ndarray
    rates: np.ndarray


class Shrunken(NamedTuple):
    """Of pairs, each of the shape of their estimates.

    Attributes
    ----------
    mean, low, high
        Posterior mean of the correlation's z and its 90 % interval, back on the scale of
        correlations.
    lfsr
        Local false sign rate: probability that the true correlation is zero or has the other sign.
    fsos
        "False sign or small": probability that it is not, with this sign, larger than `SMALL`.
    s_value
        Mean of fsos among all pairs that have no larger one.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lfsr: np.ndarray
    fsos: np.ndarray
    s_value: np.ndarray


def learned(z: np.ndarray, error: np.ndarray) -> Prior:
    """The prior that makes estimates (n,) with their standard errors (n,) most likely."""
    known = np.isfinite(z) & np.isfinite(error) & (error > _LEAST_ERROR)
    z, error = np.abs(z[known]), error[known]
    if not len(z):
        return Prior(np.ones(1), np.zeros(1), np.ones(1))
    scales = _grid(z, error)
    log_likelihood = _log_normal(z[:, None], np.hypot(error[:, None], scales))
    likelihood = np.exp(log_likelihood - log_likelihood.max(1, keepdims=True))
    weights = _weights(likelihood)
    kept = (weights > _LEAST) | (scales == 0)
    prior = Prior(weights[kept] / weights[kept].sum(), scales[kept], np.ones(1))
    rates = np.sort(_rates(z, error, prior)[1])
    return prior._replace(rates=rates)


def shrink(z: np.ndarray, error: np.ndarray, prior: Prior) -> Shrunken:
    """Posteriors of pairs, given estimates z and their standard errors (infinite: unknown)."""
    shape, z, error = z.shape, z.ravel(), error.ravel()
    found = np.empty((5, len(z)))
    for start in range(0, len(z), _BLOCK):
        block = slice(start, start + _BLOCK)
        s = np.maximum(error[block], _LEAST_ERROR)
        own = np.where(np.isfinite(s), z[block], 0.0)
        sign, own = np.where(own < 0, -1.0, 1.0), np.abs(own)
        shares, means, sds = _posterior(own, s, prior)
        middle = (shares * means).sum(1)
        low, high = (_quantile(q, shares, means, sds) for q in (_LOW, _HIGH))
        turned = np.where(sign > 0, [low, high], [-high, -low])
        found[:, block] = [*np.tanh([sign * middle, *turned]), *_rates(own, s, prior)]
    mean, low, high, lfsr, fsos = (value.reshape(shape) for value in found)
    return Shrunken(mean, low, high, lfsr, fsos, s_value(fsos, prior))


def s_value(fsos: np.ndarray, prior: Prior) -> np.ndarray:
    """Mean rate among all pairs of the fit whose rate is no larger."""
    running = np.cumsum(prior.rates) / np.arange(1, len(prior.rates) + 1)
    place = np.searchsorted(prior.rates, fsos, side="right") - 1
    return np.where(place < 0, fsos, running[np.maximum(place, 0)])


def _grid(z: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(M,) standard deviations that effects may have: from next to none to more than any."""
    least = error.min() / 4
    beyond = float((z**2 - error**2).max())
    most = 2 * np.sqrt(beyond) if beyond > 0 else 8 * least
    count = min(int(np.ceil(np.log(max(most / least, 1)) / np.log(_RATIO))) + 1, _MOST)
    return np.concatenate([[0.0], np.geomspace(least, max(most, least), count)])


def _weights(likelihood: np.ndarray) -> np.ndarray:
    """(M,) weights of the components by EM, accelerated (SQUAREM: Varadhan & Roland 2008).

    The penalised likelihood is concave in them.
    """
    count, size = likelihood.shape
    favour = np.zeros(size)
    favour[0] = _FAVOUR

    def step(weights: np.ndarray) -> np.ndarray:
        joint = likelihood @ weights
        updated = weights * (likelihood.T @ (1 / joint)) + favour
        return np.asarray(updated / updated.sum())

    def value(weights: np.ndarray) -> float:
        return float(np.log(likelihood @ weights).sum() + _FAVOUR * np.log(weights[0]))

    weights = np.full(size, 1 / size)
    best = value(weights)
    for _ in range(_PASSES // 3):
        first = step(weights)
        second = step(first)
        change, turn = first - weights, second - 2 * first + weights
        length = np.linalg.norm(turn)
        stretch = -np.linalg.norm(change) / length if length > 0 else -1.0
        leap = np.maximum(weights - 2 * stretch * change + stretch**2 * turn, 0)
        leap = step(leap / leap.sum()) if stretch < -1 and leap[0] > 0 else second
        if value(leap) < value(second):
            leap = second
        weights, before = leap, best
        best = value(weights)
        if best - before < _GAIN * count:
            break
    return weights


def _posterior(
    z: np.ndarray, error: np.ndarray, prior: Prior
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, M) weights, means and standard deviations of the components of each posterior."""
    z, error = z[:, None], error[:, None]
    wide = np.isinf(error)
    with np.errstate(invalid="ignore"):
        weight = np.log(prior.weights) + np.where(
            wide, 0.0, _log_normal(z, np.hypot(error, prior.scales))
        )
        kept = np.where(wide, 0.0, prior.scales**2 / (prior.scales**2 + error**2))
    weight = np.exp(weight - weight.max(1, keepdims=True))
    sd = np.where(wide, prior.scales, np.sqrt(kept) * np.where(wide, 1.0, error))
    return weight / weight.sum(1, keepdims=True), kept * z, sd


def _rates(z: np.ndarray, error: np.ndarray, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Both rates of estimates that are not negative."""
    shares, means, sds = _posterior(z, error, prior)
    lfsr, fsos = (1 - _above(least, shares, means, sds) for least in (0.0, np.arctanh(SMALL)))
    return np.clip(lfsr, 0, 1), np.clip(fsos, 0, 1)


def _above(least: float, shares: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """(n,) probabilities of more than ``least``, which is not negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = special.ndtr((means - least) / sds)
    # Zero itself is not above.
    return np.asarray((shares * np.where(sds > 0, beyond, 0.0)).sum(1))


def _quantile(share: float, shares: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """(n,) quantiles of mixtures of normals, of which those without a spread are at zero."""
    spread = sds > 0
    weights = np.where(spread, shares, 0.0)
    scale = np.where(spread, sds, 1.0)
    below = (weights * special.ndtr(-means / scale)).sum(1)
    at_zero = np.where(spread, 0.0, shares).sum(1)
    found = np.zeros(len(below))
    left = np.flatnonzero((share <= below) | (share > below + at_zero))
    # Above zero, zero itself is counted already.
    target = np.where(share <= below, share, share - at_zero)[left]
    weights, means, scale = weights[left], means[left], scale[left]
    # Between the quantiles of the components, of which zero is one.
    ends = np.where(spread[left], means + scale * special.ndtri(share), 0.0)
    low, high = ends.min(1, initial=0.0), ends.max(1, initial=0.0)
    at = np.clip((shares[left] * ends).sum(1), low, high)
    for _ in range(_NEWTON):
        distance = (at[:, None] - means) / scale
        over = (weights * special.ndtr(distance)).sum(1) - target
        low, high = np.where(over < 0, at, low), np.where(over < 0, high, at)
        slope = (weights / scale * np.exp(-0.5 * distance**2)).sum(1) / np.sqrt(2 * np.pi)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            moved = at - over / slope
        moved = np.where((moved > low) & (moved < high), moved, (low + high) / 2)
        found[left] = moved
        going = np.abs(moved - at) > _EXACT
        if not going.any():
            break
        left, target, at, low, high = (of[going] for of in (left, target, moved, low, high))
        weights, means, scale = weights[going], means[going], scale[going]
    return found


def _log_normal(z: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Log density of N(0, sd^2), but for a constant."""
    return np.asarray(-0.5 * (z / sd) ** 2 - np.log(sd))
