"""Draws of the total counts of cells, and of the capture efficiency behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from engine.data import Counts
from engine.fitting.predictive import Mode
from engine.lnm.capture import capture_mode
from engine.lnm.fit import Fit
from engine.lnm.totals import eta_prior, new_eta_prior


@dataclass(frozen=True)
class DrawnTotals:
    """``N ~ NB(mean exp(-eta), concentration)``, eta from a normal cut at 0; (C,) each.

    LNM has no eta: its ``location`` and ``scale`` are zero. For LNMVCP they are those of the
    posterior's Gaussian or of the prior of new cells; a scale of zero fixes eta at its location.
    """

    mean: np.ndarray
    concentration: np.ndarray
    location: np.ndarray
    scale: np.ndarray

    def draw(self, cell: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """(n_draws,) totals of a cell, given by position."""
        eta = draw_truncated(self.location[cell], self.scale[cell], n_draws, rng)
        r, mean = self.concentration[cell], self.mean[cell]
        return rng.poisson(rng.gamma(r, mean * np.exp(-eta) / r)).astype(np.float64)


def drawn_totals(fit: Fit, counts: Counts, mode: Mode) -> DrawnTotals:
    """Sampler of the totals of cells with counts.

    In mode "laplace" eta comes from the Gaussian at its posterior mode, cut at zero. Where the
    mode is at the bound zero, the Gaussian has the slope of the posterior there.
    """
    mean, r = np.empty((2, counts.n_cells))
    for cells, known in fit.totals.parts(counts.obs):
        mean[cells], r[cells] = known.mean, known.concentration
    if not fit.config.capture:
        none = np.zeros(counts.n_cells)
        return DrawnTotals(mean, r, none, none)
    prior = new_eta_prior if mode == "population" else eta_prior
    location, spread = prior(counts, fit.config, fit.totals)
    if mode != "population":
        mode_of, spread, slope = capture_mode(counts.totals, location, spread, mean, r)
        location = mode_of - slope * spread**2
        if mode == "map":
            location, spread = mode_of, np.zeros_like(spread)
    return DrawnTotals(mean, r, location, spread)


def draw_truncated(
    location: float, scale: float, n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws of N(location, scale^2) cut at zero, by the inverse of its upper tail.

    Logarithms keep it exact however far below zero the location lies.
    """
    if scale == 0:
        return np.full(n_draws, max(location, 0.0))
    tail = np.log1p(-rng.random(n_draws)) + log_ndtr(location / scale)
    return np.maximum(location - scale * ndtri_exp(tail), 0.0)
