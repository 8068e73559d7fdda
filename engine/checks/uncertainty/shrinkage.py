"""Adaptive shrinkage of correlations: a prior learned from all pairs (Stephens 2017).

On the scale of Fisher's z the estimate of a pair is normal about its true value theta, with the
standard error s that the delta method or a bootstrap gives it. The distribution of theta is learned
from all pairs: zero, or normal about zero with one of many standard deviations,

    z ~ N(theta, s^2),    theta ~ pi_0 delta_0 + sum_m pi_m N(0, tau_m^2).

The weights maximise the likelihood, with a pseudo-count for zero. Given them, the posterior of a
pair is a mixture again, in closed form but for the ends of its interval. Where the factors miss a
correlation of size m, theta is what they hold, distributed as above, plus N(0, m^2), and s contains
m as well. Stephens, M. (2017), False
discovery rates: a new deal, Biostatistics 18; the rate of signs that are false or effects that are
small: Zhu, A., Ibrahim, J. G. & Love, M. I. (2019), Heavy-tailed prior distributions for sequence
count data, Bioinformatics 35.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy import interpolate

from engine.checks.uncertainty.normal_mixtures import Posterior, posterior_of, quantile_of, rates_of

# Smaller correlations are not worth following up.
SMALL = 0.1
# Pseudo-counts of pairs without a correlation. Stephens' default is 9; of 3,000 pairs that all have
# one, that estimated 4 % without one, and lost a twentieth of the signs found.
FAVOUR = 1.0
# The ratio of one standard deviation of the prior to the next, and how many there may be.
_RATIO, _MOST = 2.0, 30
_PASSES, _GAIN = 2000, 1e-6
# The least weight of a component, and the least error of z that is used.
_LEAST, _LEAST_ERROR = 1e-6, 1e-6
_LOW, _HIGH = 0.05, 0.95
# Pairs computed at a time, and most threads.
_BLOCK, _THREADS = 20_000, 8
# With more pairs, the ends of intervals are interpolated on a grid of z in standard errors, and of
# errors.
_MOST_EXACT = 100_000
_GRID = (
    np.concatenate([np.linspace(0, 8, 200), np.geomspace(8.1, 1.2e4, 60)]),
    np.geomspace(1e-3, 10, 120),
)
# And of so many sizes of what the estimates lack, were they from 0 to 1.
_SIZES = 22
# Ends are not interpolated if the log of lfsr is this near to that of an end's probability.
_NEAR = 0.3

# Of all pairs or of each: the least correlation that is not small, and the size of what the
# estimates lack.
Small = np.ndarray | float
Missed = np.ndarray | float


class Prior(NamedTuple):
    """Mixture distribution of correlations, on the scale of Fisher's z.

    Attributes
    ----------
    weights, scales
        (M,) of the components, and their standard deviations, of which the first is 0.
    rates
        (n,) `Shrunken.fsos` of the pairs that it was learned from, ascending.
    """

    weights: np.ndarray
    scales: np.ndarray
    rates: np.ndarray

    def posterior(self, z: np.ndarray, error: np.ndarray, missed: np.ndarray) -> Posterior:
        """Mixtures of estimates z (n,), none negative, with their standard errors.

        The estimates lack parts N(0, missed^2) of the correlations.
        """
        return posterior_of(z, error, self.weights, np.hypot(self.scales, missed[:, None]))

    def rated(
        self, z: np.ndarray, error: np.ndarray, small: Small = SMALL, missed: Missed = 0.0
    ) -> Prior:
        """The same with the rates of these pairs (n,)."""
        known = np.isfinite(z) & np.isfinite(error) & (error > _LEAST_ERROR)
        if not known.any():
            return self
        small, missed = (np.broadcast_to(one, z.shape)[known] for one in (small, missed))
        posterior = self.posterior(np.abs(z[known]), error[known], missed)
        return self._replace(rates=np.sort(rates_of(posterior, small)[1]))


class Shrunken(NamedTuple):
    """Posteriors of pairs, each of the shape of their estimates.

    Attributes
    ----------
    mean, low, high
        Posterior mean of the correlation's z and its 90 % interval, back on the scale of
        correlations.
    lfsr
        Local false sign rate: probability that the true correlation is zero or has the other sign.
    fsos
        "False sign or small": probability that it does not have this sign or is at most `SMALL`.
    s_value
        Mean fsos of all pairs whose fsos is no larger.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lfsr: np.ndarray
    fsos: np.ndarray
    s_value: np.ndarray


def learned(
    z: np.ndarray,
    error: np.ndarray,
    independent: float = 1.0,
    small: Small = SMALL,
    favour: float = FAVOUR,
) -> Prior:
    """The prior of maximum likelihood; a share ``independent`` of the estimates (n,) counts."""
    known = np.isfinite(z) & np.isfinite(error) & (error > _LEAST_ERROR)
    z, error, small = z[known], error[known], np.broadcast_to(small, z.shape)[known]
    if not len(z):
        return Prior(np.ones(1), np.zeros(1), np.ones(1))
    scales = _grid(z, error)
    sd = np.hypot(error[:, None], scales)
    log_likelihood = -0.5 * (z[:, None] / sd) ** 2 - np.log(sd)
    likelihood = np.exp(log_likelihood - log_likelihood.max(1, keepdims=True))
    weights = _weights(likelihood, independent, favour)
    retained = (weights > _LEAST) | (scales == 0)
    prior = Prior(weights[retained] / weights[retained].sum(), scales[retained], np.ones(1))
    return prior.rated(z, error, small)


def shrink(
    z: np.ndarray,
    error: np.ndarray,
    prior: Prior,
    small: Small = SMALL,
    missed: Missed = 0.0,
) -> Shrunken:
    """Posteriors of correlations, given estimates z and their standard errors (infinite: unknown).

    As `shrink_effects`, on the scale of correlations.
    """
    effects = shrink_effects(z, error, prior, small, missed)
    mean, low, high = np.tanh([effects.mean, effects.low, effects.high])
    return effects._replace(mean=mean, low=low, high=high)


def shrink_effects(
    z: np.ndarray,
    error: np.ndarray,
    prior: Prior,
    small: Small = SMALL,
    missed: Missed = 0.0,
) -> Shrunken:
    """Posteriors of effects, given estimates z and their standard errors (infinite: unknown).

    Ends of intervals of very many pairs are interpolated: within 0.001 in 99 of 100.
    """
    small, missed = (np.broadcast_to(one, z.shape).ravel() for one in (small, missed))
    shape, z, error = z.shape, z.ravel(), error.ravel()
    table = _table(prior, missed) if len(z) > _MOST_EXACT else None
    results = np.empty((5, len(z)))

    def work(start: int) -> None:
        block = slice(start, start + _BLOCK)
        s = np.maximum(error[block], _LEAST_ERROR)
        own = np.where(np.isfinite(s), z[block], 0.0)
        sign, own = np.where(own < 0, -1.0, 1.0), np.abs(own)
        lacking = missed[block]
        posterior = prior.posterior(own, s, lacking)
        shares, means, _ = posterior
        middle = (shares * means).sum(1)
        lfsr, fsos = rates_of(posterior, small[block])
        if table is None:
            low, high = (quantile_of(q, *posterior) for q in (_LOW, _HIGH))
        else:
            low, high = table(own, s, lacking)
            # An end jumps where it leaves zero.
            near = np.abs(np.log(np.maximum(np.minimum(lfsr, 1 - lfsr), 1e-9) / _LOW)) < _NEAR
            at = tuple(one[near] for one in posterior)
            low[near], high[near] = (quantile_of(q, *at) for q in (_LOW, _HIGH))
        ends = np.where(sign > 0, [low, high], [-high, -low])
        results[:, block] = [sign * middle, *ends, lfsr, fsos]

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(work, range(0, len(z), _BLOCK)))
    mean, low, high, lfsr, fsos = (value.reshape(shape) for value in results)
    return Shrunken(mean, low, high, lfsr, fsos, s_value(fsos, prior))


def _table(
    prior: Prior, missed: np.ndarray
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """A function that interpolates both ends of the intervals of estimates of zero or more.

    It interpolates their distance from z in standard errors.
    """
    far, errors = _GRID
    # Most pairs lack little.
    steps = np.linspace(0, 1, 2 + round(_SIZES * np.sqrt(np.ptp(missed)))) ** 2
    sizes = missed.min() + np.ptp(missed) * steps if np.ptp(missed) else missed[:1]
    axes = np.log(errors), np.arange(max(len(sizes), 2))
    at = np.stack(np.meshgrid(far, errors, indexing="ij"), -1).reshape(-1, 2)
    z = at.prod(1)

    def at_size(size: float) -> np.ndarray:
        posterior = prior.posterior(z, at[:, 1], np.full(len(z), size))
        ends = np.stack([quantile_of(q, *posterior) for q in (_LOW, _HIGH)], -1)
        return ((ends - z[:, None]) / at[:, 1:]).reshape(len(far), len(errors), 2)

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        away = list(pool.map(at_size, sizes))
    stacked = np.stack(away if len(away) > 1 else 2 * away, 2)
    read = interpolate.RegularGridInterpolator((far, *axes), stacked)

    def table(z: np.ndarray, error: np.ndarray, missed: np.ndarray) -> np.ndarray:
        s = np.clip(error, errors[0], errors[-1])
        level = np.interp(missed, sizes, axes[1][: len(sizes)])
        away = read((np.minimum(z / s, far[-1]), np.log(s), level))
        return np.asarray((z[:, None] + away * np.minimum(error, s)[:, None]).T)

    return table


def s_value(fsos: np.ndarray, prior: Prior) -> np.ndarray:
    """Mean rate among all pairs of the fit whose rate is no larger."""
    running = np.cumsum(prior.rates) / np.arange(1, len(prior.rates) + 1)
    place = np.searchsorted(prior.rates, fsos, side="right") - 1
    return np.where(place < 0, fsos, running[np.maximum(place, 0)])


def _grid(z: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(M,) standard deviations of effects: from nearly zero to more than the largest."""
    least, beyond = error.min() / 4, float((z**2 - error**2).max())
    most = 2 * np.sqrt(beyond) if beyond > 0 else 8 * least
    count = min(int(np.ceil(np.log(max(most / least, 1)) / np.log(_RATIO))) + 1, _MOST)
    return np.concatenate([[0.0], np.geomspace(least, max(most, least), count)])


def _weights(likelihood: np.ndarray, share: float, favour: float) -> np.ndarray:
    """(M,) weights of the components by EM, accelerated (SQUAREM: Varadhan & Roland 2008).

    The penalised likelihood, in which a ``share`` of the estimates counts, is concave in them.
    """
    count, size = likelihood.shape
    penalty = favour * np.eye(size)[0]

    def step(weights: np.ndarray) -> np.ndarray:
        updated = share * weights * (likelihood.T @ (1 / (likelihood @ weights))) + penalty
        return np.asarray(updated / updated.sum())

    def value(weights: np.ndarray) -> float:
        return float(share * np.log(likelihood @ weights).sum() + favour * np.log(weights[0]))

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
