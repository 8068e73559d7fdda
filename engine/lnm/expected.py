"""Proportions that a log-ratio model expects of cells, given some of their counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float

from engine.data import Counts
from engine.fitting.blocks import Blocks, with_one_more
from engine.lnm import equations
from engine.lnm.covariates import covariates_of
from engine.lnm.fit import Fit
from engine.lnm.outer_steps import integral_for
from engine.lnm.posteriors import parameters, parameters_of
from engine.lnm.prediction import expected_proportions
from engine.lnm.residual import Integral

_TOLERANCE = 1e-3
_MOST_STEPS = 40
# Draws of a cell's latents, in pairs of opposite sign, from a fixed seed.
_PAIRS = 16
_SEED = 0


def proportions(fit: Fit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
    """Means over the posteriors of z, lambda and the residuals, block by block."""
    params = parameters(fit)
    covariates = covariates_of(fit.design, counts.obs)
    half = np.asarray(jax.random.normal(jax.random.key(_SEED), (_PAIRS, fit.n_factors + 1)))
    noise = np.concatenate([half, -half])
    for block in Blocks(counts, keep=False):
        # Padding without counts has no mode; it gets one count.
        dense = with_one_more(block.counts, 1 - np.asarray(block.weights))
        own = parameters_of(params, fit, block, covariates)
        means = _block(own, dense, noise, integral_for(fit))
        yield block.own, np.asarray(means)[: block.own.stop - block.own.start]


@partial(jax.jit, static_argnames="integral")
def _block(
    params: equations.Params,
    counts: Float[Array, "B G"],
    noise: Float[Array, "n q"],
    integral: Integral,
) -> Float[Array, "B G"]:
    start = equations.cold_start(params, counts.sum(1))
    posterior = equations.find_posterior(
        params, counts, start, integral, tolerance=_TOLERANCE, max_steps=_MOST_STEPS
    )
    return expected_proportions(params, counts, posterior, integral, noise)
