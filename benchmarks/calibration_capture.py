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
from engine.data import Counts, simulate
from engine.lnm.capture import capture_below
from engine.lnm.drawn_totals import drawn_totals
from engine.lnm.totals import eta_prior
from engine.results import Fit, Totals

CELLS, GENES = 1000, 8
# Expected molecules of a cell and counts, spread of the capture latent, and concentration of the
# totals; with 6000 molecules many cells are near efficiency 1.
SETTINGS = (
    (2e5, 1000.0, 0.5, 5.0),
    (2e5, 10_000.0, 0.5, 5.0),
    (6e3, 4000.0, 0.5, 5.0),
    (2e5, 1000.0, 0.25, 2.0),
    (2e5, 1000.0, 0.25, 20.0),
    (2e5, 1000.0, 0.8, 2.0),
    (2e5, 1000.0, 0.8, 5.0),
    (2e5, 1000.0, 0.8, 20.0),
)
BINS = 20


def capture(arguments: argparse.Namespace) -> None:
    """How much of each posterior lies below the truth: of all cells together, uniform."""
    print(
        "| molecules | counts per cell | spread | r | parameters | of the | cells | "
        "farthest of 20 bins % | p if uniform | coverage % |"
    )
    print(f"|{' --- |' * 10}")
    for molecules, mean_total, spread, concentration in SETTINGS:
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
                capture_spread=spread,
                total_concentration=concentration,
            )
            counts = engine.read_counts(data, genes="all")
            truth = data.obs["true_eta"].loc[counts.cells].to_numpy()
            known = Totals(
                molecules,
                concentration,
                max(float(np.log(molecules / mean_total)), 0.0),
                spread,
            )
            for name, fit in _fits(counts, known).items():
                for kind, below in _below(fit, counts, truth).items():
                    found.setdefault((name, kind), []).append(below)
        for (name, kind), parts in found.items():
            below = np.concatenate(parts)
            counted = np.bincount(np.minimum((below * BINS).astype(int), BINS - 1), minlength=BINS)
            worst = 100 * np.abs(counted / counted.mean() - 1).max()
            p = stats.chisquare(counted).pvalue
            inside = 100 * np.mean((below > 0.05) & (below < 0.95))
            print(
                f"| {molecules:g} | {mean_total:g} | {spread:g} | {concentration:g} | {name} | "
                f"{kind} | {len(below):,} | {worst:.0f} | {p:.2g} | {inside:.1f} |",
                flush=True,
            )


def _fits(counts: Counts, known: Totals) -> dict[str, Fit]:
    fits = {}
    for prior in ("population", "anchored"):
        config = engine.LNMConfig(
            n_factors=1,
            capture=True,
            capture_prior=prior,
            molecules=known.mean,
            capture_sd=known.eta_scale,
            max_passes=1,
        )
        fits[f"{prior} prior, estimated"] = engine.fit(counts, config)
    fitted = fits["population prior, estimated"]
    return {"those of the simulation": replace(fitted, totals=known), **fits}


def _below(fit: Fit, counts: Counts, truth: np.ndarray) -> dict[str, np.ndarray]:
    known = fit.totals
    location, scale = eta_prior(counts, fit.config, known)
    priors = [(1.0, location, scale, known.concentration)]
    if fit.config.capture_prior == "population" and known.alternatives:
        priors = list(known.alternatives)
    exact = sum(
        weight * capture_below(truth, counts.totals, at, width, known.mean, concentration)
        for weight, at, width, concentration in priors
    )
    drawn = drawn_totals(fit, counts, "laplace")
    assert drawn is not None
    cut = stats.norm.sf(0, drawn.location, drawn.scale)
    above = stats.norm.sf(truth, drawn.location, drawn.scale)
    return {"posterior": exact, "Gaussian": 1 - above / cut}
