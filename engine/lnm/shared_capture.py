"""The prior of the capture latent that all cells share, and how weakly totals inform it.

    eta_c ~ TruncNormal(m, s^2, low=0),   N_c | eta_c ~ NB(M exp(-eta_c), r)

On the log scale a total has variance s^2 from the capture of its cell, and psi'(r) (psi' the
trigamma function) from everything else. All cells determine the sum v of both; the share f =
s^2 / v only affects the shape of the distribution, so it is integrated over: for each f of a grid,
m and v are estimated, and f is weighted by the likelihood reached. Only half of the log-likelihood
is used, because real totals do not have exactly this shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import polygamma, softmax, zeta

from engine.lnm.capture import capture_masses
from engine.lnm.fit import Totals

# Priors: log r, the scale of eta on the logarithm, and its location about the anchor
# log M_0 - log(median library size).
LOG_CONCENTRATION = (np.log(10.0), 1.0)
LOG_SCALE = (np.log(0.5), 0.5)
LOCATION_SD = 1.0
# Bounds of log r, log s and log v.
LOG_R, _LOG_S, _LOG_V = (-5.0, 12.0), (-4.0, 3.0), (-8.0, 6.0)
_SHARES = (np.arange(10) + 0.5) / 10
_TRUST, _LEAST_WEIGHT = 0.5, 1e-3
# Most totals at which the likelihood is computed.
_NODES = 128


def shared_capture(totals: np.ndarray, mean: float, anchor: float) -> Totals:
    """Estimate location, scale and concentration from totals (C,), and plausible alternatives.

    Parameters
    ----------
    mean
        M, expected total at efficiency 1.
    anchor
        Expected location, nats.
    """
    known = _Evidence(*binned(totals), mean, anchor)
    where = (anchor - 8, anchor + 8)

    def loss(free: np.ndarray) -> float:
        return -known.likelihood(free) - known.prior(free)

    start = np.array([anchor, LOG_SCALE[0], LOG_CONCENTRATION[0]])
    best = minimize(loss, start, method="L-BFGS-B", bounds=[where, _LOG_S, LOG_R]).x
    location, scale, concentration = best[0], np.exp(best[1]), np.exp(best[2])
    spread = np.array([location, np.log(scale**2 + polygamma(1, concentration))])
    tried = []
    for share in _SHARES:

        def loss_at(free: np.ndarray, share: float = share) -> float:
            return loss(_split(free, share))

        optimum = minimize(loss_at, spread, method="L-BFGS-B", bounds=[where, _LOG_V]).x
        tried.append(_split(optimum, share))
    weights = softmax([_TRUST * known.likelihood(free) for free in tried])
    weights[weights < _LEAST_WEIGHT] = 0
    alternatives = tuple(
        (float(weight), float(m), float(np.exp(log_s)), float(np.exp(log_r)))
        for weight, (m, log_s, log_r) in zip(weights / weights.sum(), tried, strict=True)
        if weight > 0
    )
    return Totals(mean, float(concentration), float(location), float(scale), alternatives)


class _Evidence(NamedTuple):
    """Likelihood of the totals and prior density of (m, log s, log r)."""

    totals: np.ndarray
    cells: np.ndarray
    mean: float
    anchor: float

    def likelihood(self, free: np.ndarray) -> float:
        location, scale, concentration = float(free[0]), *map(float, np.exp(free[1:]))
        *_, of_cells = capture_masses(self.totals, location, scale, self.mean, concentration)
        return float(self.cells @ of_cells)

    def prior(self, free: np.ndarray) -> float:
        means = np.array([self.anchor, LOG_SCALE[0], LOG_CONCENTRATION[0]])
        sds = np.array([LOCATION_SD, LOG_SCALE[1], LOG_CONCENTRATION[1]])
        return float(-0.5 * (((free - means) / sds) ** 2).sum())


def _split(free: np.ndarray, share: float) -> np.ndarray:
    """(m, log s, log r) from (m, log v), s^2 being a share of v."""
    whole = float(np.exp(free[1]))
    log_r = np.clip(np.log(trigamma_root((1 - share) * whole)), *LOG_R)
    return np.array([free[0], 0.5 * np.log(share * whole), log_r])


def binned(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `_NODES` totals and the cells at each; cells between two nodes are split."""
    values, counted = np.unique(totals, return_counts=True)
    if len(values) <= _NODES:
        return values.astype(float), counted.astype(float)
    nodes = np.geomspace(max(values[0], 1), values[-1], _NODES)
    place = np.interp(values, nodes, np.arange(_NODES))
    below = np.minimum(place.astype(int), _NODES - 2)
    above = place - below
    cells = np.bincount(below, counted * (1 - above), _NODES)
    return nodes, cells + np.bincount(below + 1, counted * above, _NODES)


def trigamma_root(value: float) -> float:
    """The r at which trigamma(r) has a value above zero, by Newton on 1 / trigamma."""
    r = 0.5 + 1 / value
    for _ in range(50):
        # The polygamma function's own formula: SciPy's takes ten times as long for one number.
        now = float(zeta(2, r))
        step = now * (1 - now / value) / float(-2 * zeta(3, r))
        r += step
        if abs(step) < 1e-10 * r:
            break
    return r
