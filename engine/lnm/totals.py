"""The model of the total counts: negative binomial, with or without a capture latent.

The concentration r has a proper prior, log r ~ N(log 10, 1), and eta, under a prior that all
cells share, is integrated out when r is estimated: so r settles where a point estimate of
eta, or a prior anchored on each cell's own total, lets it grow for ever (`shared_capture`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from engine.data import Counts
from engine.lnm.capture import CapturePosterior, capture_posterior, log_negative_binomial
from engine.lnm.config import LNMConfig
from engine.lnm.fit import Capture, Totals
from engine.lnm.shared_capture import LOG_CONCENTRATION, LOG_R, shared_capture

# More cells than this tell the three numbers below no better than the priors' own doubt.
_SAMPLE = 20_000
_CHUNK = 50_000


def fit_totals(counts: Counts, config: LNMConfig) -> tuple[Totals, Capture | None]:
    """Estimate the totals' parameters and, for LNMVCP, every cell's capture efficiency.

    LNM: the mean is the sample mean, r its posterior mode. LNMVCP: the mean at efficiency 1
    is M_0 times the share of the counts that is modelled; eta's prior is anchored at
    log M_0 - log L_c, or shared by all cells (``capture_prior="population"``). Anchored cells
    cannot tell r: each prior sits on the very total it is to explain, and any larger r
    explains it better. So r always comes from the shared prior, which is kept for new cells.
    """
    if not config.capture:
        mean = float(counts.totals.mean())
        totals = _sample(counts.totals, config.seed)
        return Totals(mean, _concentration(lambda r: log_negative_binomial(totals, mean, r))), None
    share = counts.totals.sum() / counts.library_size.sum()
    mean = float(config.molecules * share)
    anchor = float(np.median(_anchor(counts, config)))
    found = shared_capture(_sample(counts.totals, config.seed), mean, anchor)
    return found, capture(counts, config, found)


def capture(counts: Counts, config: LNMConfig, totals: Totals) -> Capture | None:
    """Each cell's capture efficiency under known parameters; None for LNM."""
    if not config.capture:
        return None
    if config.capture_prior == "population" and totals.alternatives:
        return _averaged(counts.totals, totals)
    location, scale = eta_prior(counts, config, totals)
    parts = [
        capture_posterior(
            counts.totals[start : start + _CHUNK],
            location[start : start + _CHUNK],
            scale,
            totals.mean,
            totals.concentration,
        )
        for start in range(0, counts.n_cells, _CHUNK)
    ]
    whole = CapturePosterior(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Capture(whole.eta, whole.eta_sd, whole.efficiency, whole.efficiency_sd)


def _averaged(totals: np.ndarray, known: Totals) -> Capture:
    """Moments of the capture of cells, whose prior and concentration may be several ones."""
    values, place = np.unique(totals, return_inverse=True)
    sums = np.zeros((4, len(values)))
    for weight, location, scale, concentration in known.alternatives:
        for start in range(0, len(values), _CHUNK):
            part = slice(start, start + _CHUNK)
            one = capture_posterior(values[part], location, scale, known.mean, concentration)
            sums[:, part] += weight * np.stack(
                [
                    one.eta,
                    one.eta**2 + one.eta_sd**2,
                    one.efficiency,
                    one.efficiency**2 + one.efficiency_sd**2,
                ]
            )
    eta, of_eta, efficiency, of_efficiency = sums[:, place]
    eta_sd = np.sqrt(np.maximum(of_eta - eta**2, 0))
    efficiency_sd = np.sqrt(np.maximum(of_efficiency - efficiency**2, 0))
    return Capture(eta, eta_sd, efficiency, efficiency_sd)


def eta_prior(counts: Counts, config: LNMConfig, totals: Totals) -> tuple[np.ndarray, float]:
    """Location (C,) and scale of the truncated normal prior of each cell's eta."""
    if config.capture_prior == "population":
        return new_eta_prior(counts, config, totals)
    return _anchor(counts, config), config.capture_sd


def new_eta_prior(counts: Counts, config: LNMConfig, totals: Totals) -> tuple[np.ndarray, float]:
    """The same of a new cell in the place of each, whose total the prior may not know."""
    if totals.eta_location is None or totals.eta_scale is None:
        return _anchor(counts, config), config.capture_sd
    return np.full(counts.n_cells, totals.eta_location), totals.eta_scale


def _anchor(counts: Counts, config: LNMConfig) -> np.ndarray:
    return np.log(config.molecules) - np.log(counts.library_size)


def _concentration(log_evidence: Callable[[float], np.ndarray]) -> float:
    location, scale = LOG_CONCENTRATION

    def loss(log_r: float) -> float:
        prior = 0.5 * ((log_r - location) / scale) ** 2
        return float(prior - log_evidence(float(np.exp(log_r))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_R, method="bounded").x))


def _sample(values: np.ndarray, seed: int) -> np.ndarray:
    if len(values) <= _SAMPLE:
        return values
    return np.random.default_rng(seed).choice(values, _SAMPLE, replace=False)
