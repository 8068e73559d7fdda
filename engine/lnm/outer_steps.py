"""Evaluation of a point of the optimisation by a pass, and clipped steps between points."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from engine.data import Counts
from engine.genes import OTHER
from engine.lnm.arrays import FactorArrays
from engine.lnm.canonical import principal_axes
from engine.lnm.config import LNMConfig
from engine.lnm.metric import Metric
from engine.lnm.passes import Passes
from engine.lnm.point import Point, params_of, within
from engine.lnm.prior import Prior
from engine.lnm.residual import Integral
from engine.lnm.wide_residual import admitting

# No parameter moves further than this at once.
LONGEST_STEP = 0.7

# Yields the share of a pass that is done.
Evaluation = Generator[float, None, Point]


def integral_for(fit: FactorArrays) -> Integral:
    """The integral of an earlier fit, by its residual variances."""
    return admitting(fit.noise)


def noise_mask(counts: Counts, config: LNMConfig) -> np.ndarray:
    """(G,) mask of the genes whose d is learned: all, or none.

    That of the reference too: its variation is shared by all ALR logits. Without it, factors would
    represent that variation, and the reference would correlate with the genes of these factors.
    """
    return np.full(counts.n_genes, config.d_mode == "learned")


def evaluate(
    passes: Passes,
    theta: np.ndarray,
    has_noise: np.ndarray,
    prior: Prior,
    volume: np.ndarray | None = None,
) -> Evaluation:
    """One pass at the admissible parameters nearest to theta."""
    if volume is None:
        volume = np.zeros_like(prior.loadings_covariance)
    max_noise = passes.integral.max_noise
    theta = within(theta, has_noise, max_noise)
    size = len(volume)
    params, effects = params_of(theta, size), theta[:, size:-2]
    _, rotation = principal_axes(params.loadings, passes.counts.genes != OTHER)
    cells_pass = yield from passes.run(params, rotation, volume, effects if effects.size else None)
    return Point(theta, has_noise, prior, volume, cells_pass, max_noise)


def clipped_step(passes: Passes, point: Point, *, cautious: bool) -> Evaluation:
    """Update the priors, move every gene on its own, and give z mean 0 and variance 1.

    With covariates the mean that is removed from z is its regression on the fixed columns.
    """
    metric = Metric(point, cautious=cautious)
    variances = metric.variances()
    noise, size = point.has_noise, point.n_factors
    prior = point.prior.learn(
        point.loadings, variances[0], point.theta[noise, -1], variances[1][noise]
    )
    if prior.effects is not None:
        effects = prior.effects.learn(point.loadings, point.effects, metric.effects_variances())
        prior = replace(prior, effects=effects)
    point = replace(point, prior=prior)
    step = Metric(point, cautious=cautious).solve(point.gradient)
    theta = point.theta + np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    fixed = np.arange(size, size + prior.n_fixed)
    regressors = np.append(fixed, theta.shape[1] - 2)
    between = point.moments[:size, regressors]
    # Pseudo-inverse, because a level may be absent from these cells.
    slope = between @ np.linalg.pinv(point.moments[np.ix_(regressors, regressors)], hermitian=True)
    factor = np.linalg.cholesky(point.moments[:size, :size] - slope @ between.T)
    theta[:, regressors] += theta[:, :size] @ slope
    theta[:, :size] = theta[:, :size] @ factor
    passes.change_basis(slope[:, -1], factor, slope[:, :-1])
    return (yield from evaluate(passes, theta, noise, prior.change_basis(factor)))
