"""Levels of genes in sets of cells under a fitted log-ratio model, with its loadings and d fixed.

    y_c = mu + B x_c + l_s + W z_c + e_c,   c in the set s;   z_c ~ N(0, I),   l_g ~ N(0, 2^2)

The difference of a set from the mean of the fit is ``l_s + B x_s``, x_s the mean of its covariates.
It includes the factors: the mean of the cells' scores is moved into l. l is estimated by the
likelihood alone: the weak prior, which keeps a gene without counts finite, is removed at the end.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.data import Counts
from engine.fitting.levels import Level
from engine.lnm import equations
from engine.lnm.covariates import covariates_of
from engine.lnm.fit import Fit
from engine.lnm.outer_steps import integral_for
from engine.lnm.passes import Passes
from engine.lnm.residual import LOG_NO_NOISE

_PRIOR_PRECISION = 0.25
_LONGEST_STEP, _SMALL_STEP, _MOST_PASSES = 0.7, 0.05, 25
# Least information on a gene.
_LEAST = 1e-9
_LEAST_CELLS, _MOST_CELLS = 64, 256


def levels(fit: Fit, sets: list[Counts]) -> Generator[float, None, list[Level]]:
    """The level of each set; yields the share that is done.

    Parameters
    ----------
    sets
        Counts of the fit's features, each cell with at least one.
    """
    # One shape of blocks for all, and one of few for other groups: they share a compilation.
    most = max(counts.n_cells for counts in sets)
    rows = min(max(1 << (most - 1).bit_length(), _LEAST_CELLS), _MOST_CELLS)
    results = []
    for number, counts in enumerate(sets):
        steps = _level(fit, counts, rows)
        while True:
            try:
                yield (number + next(steps)) / len(sets)
            except StopIteration as end:
                results.append(end.value)
                break
    return results


def _level(fit: Fit, counts: Counts, rows: int) -> Generator[float, None, Level]:
    size = fit.n_factors
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    covariates = covariates_of(fit.design, counts.obs)
    effects = None if covariates is None else fit.effects
    passes = Passes(
        counts,
        size,
        fit.config.precision,
        rows,
        integral=integral_for(fit),
        covariates=covariates,
        one_shape=True,
    )
    explained = np.zeros(counts.n_genes)
    if covariates is not None:
        explained = fit.effects @ covariates.mean(0, dtype=float)
    identity, nothing = np.eye(size), np.zeros((size, size))
    # Start from the log ratio of observed to expected totals, shrunk.
    totals = np.zeros(counts.n_genes)
    for start in range(0, counts.n_cells, rows):
        totals += counts.block(start, start + rows).sum(0)
    expected = np.exp(fit.mean_clr + explained + 0.5 * (fit.noise + (fit.loadings**2).sum(1)))
    expected *= totals.sum() / expected.sum()
    level = np.log((totals + 1) / (expected + 1))
    level -= np.average(level, weights=totals)
    for made in range(_MOST_PASSES):
        params = equations.Params(fit.mean_clr + level, fit.loadings, log_noise)
        steps = passes.run(params, identity, nothing, effects)
        while True:
            try:
                yield min((made + next(steps)) / _MOST_PASSES, 1.0)
            except StopIteration as end:
                cells_pass = end.value
                break
        sums = cells_pass.sums
        moments = np.asarray(sums.moments) / float(sums.weight)
        information = np.asarray(sums.curvature)[:, -1]
        precision = information + _PRIOR_PRECISION
        step = (np.asarray(sums.mean) - _PRIOR_PRECISION * level) / precision
        step = np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        mean = moments[:size, -1]
        moved = step + fit.loadings @ mean
        moved -= np.average(moved, weights=precision)
        if np.sqrt(np.mean(moved**2 * precision)) < _SMALL_STEP and made:
            break
        level = level + moved
        passes.change_basis(mean, identity)
    mean = moments[:-1, -1]
    spread = moments[:-1, :-1] - np.outer(mean, mean)
    known = np.maximum(information, _LEAST)
    level = level * precision / known + explained
    axes = np.hstack([fit.loadings, fit.effects])
    return Level(level, explained, 1 / known, axes, spread, counts.n_cells)
