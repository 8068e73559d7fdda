"""Nested Laplace inference for the LNM: the outer optimisation, as a generator.

Two phases. First a few clipped steps gene by gene, each with an update of the priors and a
change of basis that gives z its mean 0 and variance 1 back (parameter expansion: Liu, Rubin &
Wu 1998). Then L-BFGS in the metric of the gene-wise curvature. Large data go through both
on a subsample of cells, and through the second again on all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from engine.data import Counts
from engine.errors import ConfigError, FitError
from engine.fitting.lbfgs import LBFGS
from engine.fitting.status import State
from engine.genes import same_genes
from engine.lnm.config import LNMConfig
from engine.lnm.covariates import covariates_of, design_for
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.fit import Fit
from engine.lnm.metric import Metric
from engine.lnm.outer_steps import LONGEST_STEP, clipped_step, evaluate, integral_for, noise_mask
from engine.lnm.passes import Passes
from engine.lnm.point import Point
from engine.lnm.prior import Prior
from engine.lnm.residual import NARROW
from engine.lnm.spectral import effects_start, spectral_start
from engine.lnm.wide_residual import WIDE

# Clipped steps: at least, at most, and the relative gain that ends them.
_FEWEST_CLIPPED, _MOST_CLIPPED, _SETTLED = 5, 10, 5e-4
# From this step on the curvature of log d is the cautious one.
_CAUTIOUS_FROM = 4
# Share of genes at the largest residual variance that the expansion admits, beyond which
# residuals are integrated by quadrature: dearer, and needed for data as sparse as microbes'.
_MANY_WIDE = 0.1
# Steps with one metric; fewer with covariates: it holds the part of their effects that the factors
# explain fixed, which changes with the loadings.
_REFRESH_METRIC, _REFRESH_OF_EFFECTS = 10, 3
# A step this small, in posterior standard deviations of a parameter, counts as converged.
_SMALL_STEP = 0.1
_SHORTEST = 1e-3
# Rounding of a sum of float32 log-likelihoods, relative.
_ROUNDING = 2e-8
_SUBSAMPLE = 10_000
_SUBSAMPLE_TOLERANCE = 10.0
_TYPICAL_PASSES = 40


@dataclass(frozen=True)
class Step:
    """An accepted step: the point reached, its cells, and an estimate of the passes left.

    ``covariates`` (C, p) are those of the cells; None without a design.
    """

    point: Point
    counts: Counts
    phase: str
    passes_left: float
    covariates: np.ndarray | None = None


# What the optimisation yields: a step, or the share of a running pass that is done.
Event = Step | float
Steps = Generator[Event, None, Point]
# How it ended: as a state of the fit, and in words.
End = tuple[State, str]


def maximise(
    counts: Counts,
    config: LNMConfig,
    start: Fit | None,
    weights: np.ndarray | None = None,
    design: Design | None = None,
) -> Generator[Event, None, End]:
    """Maximise the posterior of (mu, B, W, d); yields events, returns how it ended.

    With ``start`` cells may have (C,) weights, 1 on average. The design is made from the
    configuration unless it is given.

    Raises
    ------
    FitError
        If the objective is not finite where the fit starts.
    """
    if design is None:
        design = design_for(counts.obs, config, start)
    if start is not None:
        passes, point = yield from _resume(counts, config, start, design, weights)
    else:
        passes, point = yield from _begin(counts, config, design)
    if passes.counts is not counts:
        coarse = config.tolerance * _SUBSAMPLE_TOLERANCE
        point, _ = yield from _ascend(passes, point, coarse, "fitting a subsample")
        passes = Passes(
            counts,
            config.size,
            config.precision,
            config.block_cells,
            integral=passes.integral,
            covariates=covariates_of(design, counts.obs),
        )
        point = yield from evaluate(passes, point.theta, point.has_noise, point.prior)
    _, end = yield from _ascend(passes, point, config.tolerance, "fitting")
    return end


def _begin(
    counts: Counts, config: LNMConfig, design: Design | None
) -> Generator[Event, None, tuple[Passes, Point]]:
    """Spectral start and clipped steps."""
    phase = "starting"
    if counts.n_cells > 2 * _SUBSAMPLE:
        phase = "starting on a subsample"
        rng = np.random.default_rng(config.seed)
        counts = counts.take(np.sort(rng.choice(counts.n_cells, _SUBSAMPLE, replace=False)))
    held = counts if counts.matrix() is not None else counts.take(np.arange(counts.n_cells))
    covariates = covariates_of(design, counts.obs)
    mean, loadings, scores = spectral_start(held, config.size, config.seed, covariates)
    own = None if design is None else EffectsPrior.start(design, counts.n_genes)
    prior = Prior.start(config, own)
    has_noise = noise_mask(counts, config)
    noise = np.where(has_noise, prior.noise_location, 0.0)
    theta = np.column_stack([loadings, effects_start(held, covariates), mean, noise])
    passes = Passes(
        counts,
        config.size,
        config.precision,
        config.block_cells,
        scores,
        covariates=covariates,
    )
    point = yield from evaluate(passes, theta, has_noise, prior)
    _require_finite(point)
    point = yield from _settle(passes, point, phase, 0)
    return passes, point


def _settle(passes: Passes, point: Point, phase: str, made: int) -> Steps:
    """Clipped steps until they gain little; ``made`` of them were made before."""
    count = made
    while count < _MOST_CLIPPED:
        yield Step(point, passes.counts, phase, _TYPICAL_PASSES - count, passes.covariates)
        before = point.cells_pass.log_marginal_total
        point = yield from clipped_step(passes, point, cautious=count >= _CAUTIOUS_FROM)
        gain = point.cells_pass.log_marginal_total - before
        count += 1
        if passes.integral is NARROW and np.mean(point.at_bound) > _MANY_WIDE:
            passes.integral = WIDE
            point = yield from evaluate(passes, point.theta, point.has_noise, point.prior)
            count = 0
        elif count >= _FEWEST_CLIPPED and gain < _SETTLED * abs(before):
            break
    return point


def _resume(
    counts: Counts,
    config: LNMConfig,
    start: Fit,
    design: Design | None,
    weights: np.ndarray | None,
) -> Generator[Event, None, tuple[Passes, Point]]:
    """Evaluate the point that an earlier fit reached."""
    check_start(counts, config, start)
    has_noise = noise_mask(counts, config)
    prior = Prior.start(config).resume(start.prior)
    # A gene that had no residual (in mode low_rank) starts at the prior's.
    noise = np.where(start.noise > 0, start.noise, np.exp(prior.noise_location))
    noise = np.where(has_noise, noise, 1.0)
    mean = start.mean_clr + 0.5 * np.where(has_noise, noise, 0.0)
    theta = np.column_stack([start.loadings, start.effects, mean, np.log(noise)])
    scores = start.scores if start.cells.equals(counts.cells) else None
    passes = Passes(
        counts,
        config.size,
        config.precision,
        config.block_cells,
        scores,
        integral_for(start),
        weights,
        covariates_of(design, counts.obs),
    )
    point = yield from evaluate(passes, theta, has_noise, prior)
    _require_finite(point)
    # Its priors had not converged if it made only a few passes; and with other weights they, and
    # the scale of z, change.
    made = start.status.passes if weights is None else _FEWEST_CLIPPED - 2
    point = yield from _settle(passes, point, "starting", made)
    return passes, point


def check_start(counts: Counts, config: LNMConfig, start: Fit) -> None:
    """Raise an error for a start of other genes or another number of factors."""
    if not same_genes(start, counts) or start.n_factors != config.size:
        raise ConfigError(
            f"a fit of these {counts.n_genes:,} genes with {config.size} factors",
            f"one of {len(start.genes):,} genes with {start.n_factors} factors",
            "Start a new fit.",
        )


def _require_finite(point: Point) -> None:
    if not np.isfinite(point.value):
        raise FitError(
            "a finite likelihood at the start of the fit",
            "one that overflows",
            "Check the counts for extreme values, or choose precision='float64'.",
        )


def _ascend(
    passes: Passes, point: Point, tolerance: float, phase: str
) -> Generator[Event, None, tuple[Point, End]]:
    """L-BFGS until the objective and the parameters have converged.

    Ends when the model of the objective promises less than ``tolerance`` nats per cell, the
    last three steps gained no more, and the step is small against the posterior standard
    deviations of the parameters.
    """
    cells = passes.counts.n_cells
    point = yield from evaluate(
        passes, point.theta, point.has_noise, point.prior, point.volume_slope()
    )
    memory = LBFGS()
    gains: deque[float] = deque([np.inf] * 3, maxlen=3)
    metric, age = Metric(point, cautious=True), 0
    oldest = _REFRESH_METRIC if point.prior.effects is None else _REFRESH_OF_EFFECTS
    while True:
        if age >= oldest:
            metric, age = Metric(point, cautious=True), 0
        direction = memory.direction(point.gradient, metric.solve)
        longest = np.abs(direction).max(axis=1, keepdims=True)
        direction *= np.minimum(1.0, LONGEST_STEP / np.maximum(longest, 1e-12))
        promised = float(np.sum(point.gradient * direction)) / 2 / cells
        news = max(*gains, promised)
        yield Step(point, passes.counts, phase, _passes_left(news, tolerance), passes.covariates)
        if news < tolerance and metric.root_mean_square(direction) < _SMALL_STEP:
            return point, ("converged", "objective and parameters settled")
        improved = yield from _search(passes, point, direction)
        if improved is None:
            if not len(memory):
                reason = "no further ascent within the precision of the arithmetic"
                return point, ("stopped", reason)
            memory.forget()
            metric, age = Metric(point, cautious=True), 0
            continue
        memory.remember(improved.theta - point.theta, improved.gradient - point.gradient)
        gains.append((improved.value - point.value) / cells)
        point, age = improved, age + 1


def _search(
    passes: Passes, point: Point, direction: np.ndarray
) -> Generator[Event, None, Point | None]:
    """A point along the direction that is better by Armijo's rule; None if there is none."""
    slope = float(np.sum(point.gradient * direction))
    length = 1.0
    while slope > 0 and length > _SHORTEST:
        theta = point.theta + length * direction
        candidate = yield from evaluate(passes, theta, point.has_noise, point.prior, point.volume)
        change = candidate.value - point.value
        # Losing cells would raise the objective by their part of it.
        sound = candidate.cells_pass.n_lost_cells <= point.cells_pass.n_lost_cells
        if sound and change >= 1e-4 * length * slope - _ROUNDING * abs(point.value):
            return candidate
        # The peak of the parabola through these values, within bounds.
        peak = slope * length / (2 * (slope * length - change)) if np.isfinite(change) else 0.0
        length *= float(np.clip(peak, 0.1, 0.5))
    return None


def _passes_left(gain: float, tolerance: float) -> float:
    """Estimate of the passes left: gains shrink by about a fifth from pass to pass."""
    if not np.isfinite(gain):
        return 0.75 * _TYPICAL_PASSES
    return 2.0 + 4.5 * np.log(max(gain / tolerance, 1.0))
