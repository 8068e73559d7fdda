"""Capture efficiency of each cell: a scalar posterior, integrated by quadrature.

    eta_c ~ TruncatedNormal(m_c, s^2, low=0)
    N_c | eta_c ~ NB(mean M exp(-eta_c), concentration r)

Given N_c, eta is independent of the composition, so it is solved on its own, in float64.
The log posterior is strictly concave in eta; its mode is found by Newton and the integral
taken by Gauss-Legendre over eight standard deviations about it, cut at eta = 0: exact with and
without an effect of the truncation.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, gammaln, log_ndtr, logsumexp

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_REACH = 8.0
_NEWTON_STEPS = 50


class CapturePosterior(NamedTuple):
    """Moments of eta and of the efficiency exp(-eta), (C,) each, and log p(N), nats."""

    eta: np.ndarray
    eta_sd: np.ndarray
    efficiency: np.ndarray
    efficiency_sd: np.ndarray
    log_evidence: np.ndarray


def log_negative_binomial(
    totals: np.ndarray, mean: np.ndarray | float, concentration: np.ndarray | float
) -> np.ndarray:
    """Log density of NB(N; mean, r): variance mean + mean^2 / r; broadcasts."""
    r = concentration
    share = np.log1p(mean / r)
    return (
        gammaln(totals + r)
        - gammaln(r)
        - gammaln(totals + 1)
        + totals * (np.log(mean / r) - share)
        - r * share
    )


def capture_mode(
    totals: np.ndarray,
    location: np.ndarray | float,
    scale: np.ndarray | float,
    mean: np.ndarray | float,
    concentration: np.ndarray | float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mode of eta >= 0, 1 / sqrt(curvature) there, and the downward slope of a mode at zero.

    d/d eta log NB = r (q - N) / (r + q) and d2/d eta2 = -r q (r + N) / (r + q)^2, with
    q = M exp(-eta).
    """
    r = concentration
    location = np.broadcast_to(location, totals.shape)
    eta = np.maximum(location, 0.0)
    slope, curvature = np.zeros_like(eta), np.ones_like(eta)
    for _ in range(_NEWTON_STEPS):
        q = mean * np.exp(-eta)
        slope = r * (q - totals) / (r + q) - (eta - location) / scale**2
        curvature = r * q * (r + totals) / (r + q) ** 2 + 1 / scale**2
        moved = np.maximum(eta + np.clip(slope / curvature, -2.0, 2.0), 0.0)
        settled = np.max(np.abs(moved - eta), initial=0.0) < 1e-10
        eta = moved
        if settled:
            break
    return eta, 1 / np.sqrt(curvature), np.maximum(-slope, 0.0)


def capture_posterior(
    totals: np.ndarray,
    location: np.ndarray | float,
    scale: np.ndarray | float,
    mean: np.ndarray | float,
    concentration: np.ndarray | float,
) -> CapturePosterior:
    """Posterior of eta for cells of the given totals.

    Parameters
    ----------
    totals
        (C,) total counts N.
    location, scale
        m_c and s of the truncated normal prior; (C,) or scalars.
    mean, concentration
        M, the mean total at efficiency 1, and r; (C,) or scalars.
    """
    eta, mass, log_evidence = capture_masses(totals, location, scale, mean, concentration)
    mass = mass / mass.sum(1, keepdims=True)
    efficiency = np.exp(-eta)
    mean_eta = (mass * eta).sum(1)
    mean_efficiency = (mass * efficiency).sum(1)
    return CapturePosterior(
        eta=mean_eta,
        eta_sd=np.sqrt((mass * (eta - mean_eta[:, None]) ** 2).sum(1)),
        efficiency=mean_efficiency,
        efficiency_sd=np.sqrt((mass * (efficiency - mean_efficiency[:, None]) ** 2).sum(1)),
        log_evidence=log_evidence,
    )


def capture_masses(
    totals: np.ndarray,
    location: np.ndarray | float,
    scale: np.ndarray | float,
    mean: np.ndarray | float,
    concentration: np.ndarray | float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (C, n) of the latent and their masses, not normalised; and (C,) log p(N)."""
    low, high = _range(totals, location, scale, mean, concentration)
    half = 0.5 * (high - low)
    eta = (low + half)[:, None] + half[:, None] * _NODES
    log_joint = _log_joint(eta, totals, location, scale, mean, concentration)
    top = log_joint.max(1, keepdims=True)
    mass = np.exp(log_joint - top) * _WEIGHTS
    total = mass.sum(1, keepdims=True)
    return eta, mass, (top + np.log(total * half[:, None])).ravel()


def capture_below(
    eta: np.ndarray,
    totals: np.ndarray,
    location: np.ndarray | float,
    scale: float,
    mean: float,
    concentration: float,
) -> np.ndarray:
    """(C,) posterior probabilities that the latent of each cell is below a value of its own.

    Parameters
    ----------
    eta
        (C,) the values.
    totals, location, scale, mean, concentration
        As in `capture_posterior`.
    """
    low, high = _range(totals, location, scale, mean, concentration)
    masses = []
    ends = np.clip(eta, low, high)
    for start, stop in ((low, ends), (ends, high)):
        half = 0.5 * (stop - start)
        nodes = (start + half)[:, None] + half[:, None] * _NODES
        log_joint = _log_joint(nodes, totals, location, scale, mean, concentration)
        with np.errstate(divide="ignore"):
            masses.append(np.log(half) + logsumexp(log_joint, axis=1, b=_WEIGHTS))
    return np.asarray(expit(masses[0] - masses[1]))


def _range(
    totals: np.ndarray,
    location: np.ndarray | float,
    scale: np.ndarray | float,
    mean: np.ndarray | float,
    concentration: np.ndarray | float,
) -> tuple[np.ndarray, np.ndarray]:
    """Ends (C,) of the range that holds practically all of a posterior."""
    centre, spread, slope = capture_mode(totals, location, scale, mean, concentration)
    low = np.maximum(centre - _REACH * spread, 0.0)
    # A posterior with its mode at the boundary falls off faster than its curvature implies.
    fall = slope * spread
    return low, centre + _REACH**2 * spread / (np.sqrt(fall**2 + _REACH**2) + fall)


def _log_joint(
    eta: np.ndarray,
    totals: np.ndarray,
    location: np.ndarray | float,
    scale: np.ndarray | float,
    mean: np.ndarray | float,
    concentration: np.ndarray | float,
) -> np.ndarray:
    """(C, n) log density of total and latent at (C, n) values of the latent."""
    given = (location, scale, mean, concentration)
    location, scale, mean, r = (np.broadcast_to(one, totals.shape)[:, None] for one in given)
    z = (eta - location) / scale
    log_prior = -0.5 * z**2 - np.log(scale * np.sqrt(2 * np.pi)) - log_ndtr(location / scale)
    return np.asarray(log_prior + log_negative_binomial(totals[:, None], mean * np.exp(-eta), r))
