"""The start of NUTS, from a Laplace fit: the setting of the density, and checks of size.

The priors' scales (S, m and t) are fixed at the estimates of the Laplace fit, and the parameters of
the totals (M, r and the prior of eta) at theirs. Given these, the density is that which
``"laplace"`` maximises over (mu, W, log d), with an exact integral over the latents. Two things
differ: ``"laplace"`` adds a term for the volume of the posterior of W (`engine.lnm.point`), which
draws do not need; and d always has its bound at 10, approached smoothly.

A learned S differs between directions, and so a rotation of W and z changes the prior. Chains
rotate slowly, all cells at once, and CLR covariances follow: on 150 cells x 30 genes they had an
effective size of 34 of 600 draws, against 540 with one scale for all (``loadings_scale=0.4``).
"""

from __future__ import annotations

import numpy as np

from engine.data import Counts
from engine.errors import ConfigError
from engine.lnm.config import LNMConfig
from engine.lnm.covariates import covariates_of
from engine.lnm.fit import Capture as FittedCapture
from engine.lnm.fit import Fit, Totals
from engine.lnm.joint import Capture, Covariates, Position, Setting
from engine.lnm.laplace import check_start
from engine.lnm.outer_steps import noise_mask
from engine.lnm.prior import Prior
from engine.lnm.totals import eta_prior
from engine.lnm.wide_residual import WIDE

# Most cells x genes: more would take hours.
MOST_COUNTS = 100_000


def check_size(counts: Counts) -> None:
    """Raise ConfigError for data that NUTS would take hours for."""
    if counts.n_cells * counts.n_genes > MOST_COUNTS:
        raise ConfigError(
            f"at most {MOST_COUNTS:,} counts (cells x genes) for inference='nuts'",
            f"{counts.n_cells:,} cells x {counts.n_genes:,} genes",
            "Take fewer cells or genes, or use inference='laplace'.",
        )


def check_laplace(counts: Counts, config: LNMConfig, start: Fit) -> None:
    """Raise ConfigError unless the start is a Laplace fit of these cells."""
    check_start(counts, config, start)
    if start.config.inference != "laplace" or not start.cells.equals(counts.cells):
        raise ConfigError(
            "no start, or a fit of these cells by inference='laplace'",
            f"one of {len(start.cells):,} cells by {start.config.inference!r}"
            + (", whose chains are not kept" if start.config.inference == "nuts" else ""),
            "Start a new fit.",
        )


def setting_of(
    counts: Counts, config: LNMConfig, fit: Fit, totals: Totals, capture: FittedCapture | None
) -> Setting:
    """The setting of the density, with the origin of coordinates at a Laplace fit, in float64.

    Units are approximate posterior standard deviations of each coordinate by itself: those of the
    Laplace approximation for z and eta; for the others, from the information of cells with the mean
    composition.
    """
    dense = np.asarray(counts.block(0, counts.n_cells), np.float64)
    has_noise = noise_mask(counts, config)
    prior = Prior.start(config).resume(fit.prior)
    noise = np.where(fit.noise > 0, fit.noise, np.exp(prior.noise_location))
    noise = np.minimum(noise, 0.99 * WIDE.max_noise)
    learned = np.where(has_noise, noise, 0.0)
    shares = np.exp(fit.mean_clr - fit.mean_clr.max())
    rate = counts.totals.mean() * shares / shares.sum()
    # Information of the counts of all cells on each gene's log intensity.
    known = counts.n_cells * rate / (1 + learned * rate)
    of_noise = 0.5 * counts.n_cells * (learned * rate / (1 + learned * rate)) ** 2
    scores = np.asarray(fit.scores, np.float64)
    shift = scores.mean(0)
    basis = np.linalg.cholesky(np.atleast_2d(np.cov(scores.T, bias=True)))
    size, width = np.diagonal(basis), config.size
    parameters = counts.n_cells + counts.n_genes
    start: Position = {
        "centre": fit.mean_clr + 0.5 * learned + fit.loadings @ shift,
        "loadings": fit.loadings @ basis,
        "log_noise": np.log(noise),
        "scores": np.linalg.solve(basis, (scores - shift).T).T,
        "shift": shift,
        "log_diagonal": np.log(size),
        "below": basis[np.tril_indices(width, -1)],
        "intensity": np.zeros(counts.n_cells),
    }
    scale: Position = {
        "centre": 1 / np.sqrt(known),
        "loadings": size / np.sqrt(1 + known)[:, None],
        "log_noise": 1 / np.sqrt(prior.noise_scale**-2 + of_noise),
        "scores": fit.scores_sd / size,
        "shift": np.full(width, counts.n_cells**-0.5),
        "log_diagonal": np.full(width, (2 * parameters) ** -0.5),
        "below": np.full(width * (width - 1) // 2, parameters**-0.5),
        "intensity": np.full(counts.n_cells, np.sqrt(counts.n_cells / known.sum())),
    }
    of_eta = None
    if capture is not None:
        mean, concentration = np.empty((2, counts.n_cells))
        for cells, own in totals.parts(counts.obs):
            mean[cells], concentration[cells] = own.mean, own.concentration
        of_eta = Capture(*eta_prior(counts, config, totals), mean, concentration)
        start["log_eta"] = np.log(capture.eta)
        scale["log_eta"] = np.minimum(capture.eta_sd / capture.eta, 1.0)
    covariates = _covariates(counts, fit, prior)
    if covariates is not None:
        x, fixed = covariates.values, len(covariates.root)
        information = known[:, None] * (x**2).mean(0)
        start |= {"effects": fit.effects, "slope": np.zeros((width, fixed))}
        scale["effects"] = 1 / np.sqrt(1 / covariates.variance + information)
        scale["slope"] = np.full((width, fixed), counts.n_cells**-0.5) / x[:, :fixed].std(0)
    return Setting(
        counts=dense,
        has_noise=has_noise,
        loadings_precision=prior.loadings_precision,
        noise_location=np.float64(prior.noise_location),
        noise_scale=np.float64(prior.noise_scale),
        most_noise=np.float64(WIDE.max_noise),
        start={name: np.asarray(array, np.float64) for name, array in start.items()},
        scale={name: np.asarray(array, np.float64) for name, array in scale.items()},
        play=np.mean(scale["scores"], axis=0, dtype=np.float64) / np.sqrt(counts.n_cells),
        capture=of_eta,
        covariates=covariates,
    )


def _covariates(counts: Counts, fit: Fit, prior: Prior) -> Covariates | None:
    values = covariates_of(fit.design, counts.obs)
    if values is None or prior.effects is None:
        return None
    values = values.astype(float)
    fixed = values[:, : prior.n_fixed]
    return Covariates(
        values,
        np.linalg.cholesky(fixed.T @ fixed / len(fixed)),
        1 / prior.effects.precision(counts.n_genes),
        1 / prior.effects.of_factors_precision(),
    )
