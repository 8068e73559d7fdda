"""Proportions that a fit expects of cells, given some of their counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.fitting.compilation import keep_compilations
from engine.lda.cells import topic_proportions
from engine.lnm import amortized, equations
from engine.lnm.laplace import integral_for
from engine.lnm.prediction import expected_proportions
from engine.lnm.residual import LOG_NO_NOISE, Integral
from engine.results import AnyFit, Fit

_TOLERANCE = 1e-3
_MOST_STEPS = 40
# Draws of a cell's latents, in pairs of opposite sign, from a seed of their own.
_PAIRS = 16
_SEED = 0


def predicted_proportions(fit: AnyFit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
    """Expected proportions E[rho | counts] of each cell, block by block.

    LDA: mean proportions of the topics times mean topics; by ``inference="em"``, which has no
    means, their modes in the softmax basis. LNM and LNMVCP: mean over the
    posterior of z, lambda and the residuals epsilon; z by the encoder alone if the fit has one
    and was made without ``refine``.

    Parameters
    ----------
    counts
        Genes matched by name; every cell with at least one count of them.

    Yields
    ------
    The cells of the block, and their (B, G) proportions over the features of the fit.

    Raises
    ------
    DataError
        If the counts lack genes of the fit.
    """
    keep_compilations()
    counts = counts.matched(fit.genes, fit.gene_ids)
    if isinstance(fit, Fit) and fit.encoder and not fit.config.refine:
        yield from amortized.proportions(fit, counts)
        return
    if isinstance(fit, Fit):
        yield from _log_ratio(fit, counts)
        return
    shares = topic_proportions(fit, counts).to_numpy()
    for block in Blocks(counts, keep=False):
        yield block.own, shares[block.own] @ fit.topics.T


def _log_ratio(fit: Fit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    arrays = (fit.mean_clr, fit.loadings, log_noise)
    params = equations.Params(*(jnp.asarray(array, jnp.float32) for array in arrays))
    half = jax.random.normal(jax.random.key(_SEED), (_PAIRS, fit.n_factors + 1))
    noise = jnp.concatenate([half, -half])
    for block in Blocks(counts, keep=False):
        # Padding without counts has no mode; it takes one count anywhere.
        dense = block.counts.at[:, -1].add(1 - block.weights)
        found = _block(params, dense, noise, integral_for(fit))
        yield block.own, np.asarray(found)[: block.own.stop - block.own.start]


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
