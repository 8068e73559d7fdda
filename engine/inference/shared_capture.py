"""The prior of the capture latent that all cells share, and how little totals tell of it.

    eta_c ~ TruncNormal(m, s^2, low=0),   N_c | eta_c ~ NB(M exp(-eta_c), r)

On the log scale a total varies by s^2 through the capture of its cell, and by psi'(r) (psi' the
trigamma function) through everything else. Their sum v is known from all cells; how it is shared,
f = s^2 / v, shows in the shape of the distribution alone, so it is integrated over: for each f of
a grid, m and v are estimated, and the f is weighted by the likelihood that is reached. Half of its
logarithm is counted, because real totals are not exactly of this shape.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import polygamma, softmax

from engine.models.capture import capture_posterior
from engine.results import Totals

# Priors: log r, the scale of eta on the logarithm, and its location about the anchor
# log M_0 - log(median library size).
LOG_CONCENTRATION = (np.log(10.0), 1.0)
LOG_SCALE = (np.log(0.5), 0.5)
LOCATION_SD = 1.0
# Bounds of log r, log s and log v.
LOG_R, _LOG_S, _LOG_V = (-5.0, 12.0), (-4.0, 3.0), (-8.0, 6.0)
_SHARES = (np.arange(10) + 0.5) / 10
_TRUST, _LEAST_WEIGHT = 0.5, 1e-3
# Totals at which the likelihood is worked out, if cells have more of them.
_NODES = 128


def shared_capture(totals: np.ndarray, mean: float, anchor: float) -> Totals:
    """Estimate location, scale and concentration from totals (C,), and what else may be.

    Parameters
    ----------
    mean
        M, expected total at efficiency 1.
    anchor
        Where the location is expected, nats.
    """
    nodes, cells = binned(totals)

    def losses(location: float, log_s: float, log_r: float) -> tuple[float, float]:
        """Less the log likelihood, and less the log prior."""
        evidence = capture_posterior(
            nodes, location, float(np.exp(log_s)), mean, float(np.exp(log_r))
        ).log_evidence
        prior = (
            ((location - anchor) / LOCATION_SD) ** 2
            + ((log_s - LOG_SCALE[0]) / LOG_SCALE[1]) ** 2
            + ((log_r - LOG_CONCENTRATION[0]) / LOG_CONCENTRATION[1]) ** 2
        )
        return -float(cells @ evidence), 0.5 * prior

    where = (anchor - 8, anchor + 8)
    location, log_s, log_r = minimize(
        lambda free: sum(losses(*free)),
        np.array([anchor, LOG_SCALE[0], LOG_CONCENTRATION[0]]),
        method="L-BFGS-B",
        bounds=[where, _LOG_S, LOG_R],
    ).x
    start = np.array([location, np.log(np.exp(2 * log_s) + polygamma(1, np.exp(log_r)))])
    tried = []
    for share in _SHARES:

        def split(free: np.ndarray, share: float = share) -> tuple[float, float, float]:
            whole = float(np.exp(free[1]))
            log_s, log_r = 0.5 * np.log(share * whole), np.log(trigamma_root((1 - share) * whole))
            return float(free[0]), float(log_s), float(np.clip(log_r, *LOG_R))

        found = minimize(
            lambda free, split=split: sum(losses(*split(free))),
            start,
            method="L-BFGS-B",
            bounds=[where, _LOG_V],
        ).x
        tried.append((-losses(*split(found))[0], *split(found)))
    weights = softmax([_TRUST * one[0] for one in tried])
    weights[weights < _LEAST_WEIGHT] = 0
    alternatives = tuple(
        (float(weight), m, float(np.exp(s)), float(np.exp(r)))
        for weight, (_, m, s, r) in zip(weights / weights.sum(), tried, strict=True)
        if weight > 0
    )
    return Totals(mean, float(np.exp(log_r)), float(location), float(np.exp(log_s)), alternatives)


def binned(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `_NODES` totals and the cells at each: those between two nodes are shared by them."""
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
        now = float(polygamma(1, r))
        step = now * (1 - now / value) / float(polygamma(2, r))
        r += step
        if abs(step) < 1e-10 * r:
            break
    return r
