"""Simulation-based calibration of the capture posterior of LNMVCP.

The posterior probability of a latent below the true one is uniform over cells if the posterior is
right (Cook, Gelman and Rubin 2006; Talts et al. 2018): that of the posterior itself, whose
mean and sd a fit tells, and that of the Gaussian cut at zero that predictive checks draw from.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from scipy import stats

import engine
from engine.checks.predictive.totals import drawn_totals
from engine.data import Counts, simulate
from engine.inference.totals import eta_prior
from engine.models.capture import capture_below
from engine.results import Fit, Totals

CELLS, GENES = 1000, 8
SPREAD, CONCENTRATION = 0.5, 5.0
# Expected molecules of a cell and counts; in the last one many cells are near efficiency 1.
DEPTHS = ((2e5, 1000.0), (2e5, 10_000.0), (6e3, 4000.0))
BINS = 20


def capture(arguments: argparse.Namespace) -> None:
    """How much of each posterior lies below the truth: of all cells together, uniform."""
    print(
        "| molecules | counts per cell | parameters | of the | cells | farthest of 20 bins % | "
        "p if uniform | coverage % |"
    )
    print(f"|{' --- |' * 8}")
    for molecules, mean_total in DEPTHS:
        found: dict[tuple[str, str], list[np.ndarray]] = {}
        for seed in range(arguments.sets):
            data = simulate(
                "lnmvcp",
                cells=CELLS,
                genes=GENES,
                factors=1,
                seed=seed,
                mean_total=mean_total,
                molecules=molecules,
                capture_spread=SPREAD,
                total_concentration=CONCENTRATION,
            )
            counts = engine.read_counts(data, genes="all")
            truth = data.obs["true_eta"].loc[counts.cells].to_numpy()
            for name, fit in _fits(counts, molecules, mean_total).items():
                for kind, below in _below(fit, counts, truth).items():
                    found.setdefault((name, kind), []).append(below)
        for (name, kind), parts in found.items():
            below = np.concatenate(parts)
            counted = np.bincount(np.minimum((below * BINS).astype(int), BINS - 1), minlength=BINS)
            worst = 100 * np.abs(counted / counted.mean() - 1).max()
            p = stats.chisquare(counted).pvalue
            inside = 100 * np.mean((below > 0.05) & (below < 0.95))
            print(
                f"| {molecules:g} | {mean_total:g} | {name} | {kind} | {len(below):,} | "
                f"{worst:.0f} | {p:.2g} | {inside:.1f} |",
                flush=True,
            )


def _fits(counts: Counts, molecules: float, mean_total: float) -> dict[str, Fit]:
    fits = {}
    for prior in ("population", "anchored"):
        config = engine.LNMConfig(
            n_factors=1,
            capture=True,
            capture_prior=prior,
            molecules=molecules,
            capture_sd=SPREAD,
            max_passes=1,
        )
        fits[f"{prior} prior, estimated"] = engine.fit(counts, config)
    fitted = fits["population prior, estimated"]
    location = max(float(np.log(molecules / mean_total)), 0.0)
    known = Totals(molecules, CONCENTRATION, location, SPREAD)
    return {"those of the simulation": replace(fitted, totals=known), **fits}


def _below(fit: Fit, counts: Counts, truth: np.ndarray) -> dict[str, np.ndarray]:
    totals = fit.totals
    location, scale = eta_prior(counts, fit.config, totals)
    exact = capture_below(truth, counts.totals, location, scale, totals.mean, totals.concentration)
    drawn = drawn_totals(fit, counts, "laplace")
    assert drawn is not None
    cut = stats.norm.sf(0, drawn.location, drawn.scale)
    above = stats.norm.sf(truth, drawn.location, drawn.scale)
    return {"posterior": exact, "Gaussian": 1 - above / cut}
