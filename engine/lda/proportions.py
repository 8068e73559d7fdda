"""Cells under known topics: their proportions, and bounds on their likelihood."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float

from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.fitting import encoding
from engine.fitting.blocks import Blocks, on_device
from engine.fitting.compilation import keep_compilations
from engine.fitting.entry import Kind, expect
from engine.lda import cell_gaussian, cell_posterior, equations
from engine.lda.config import LDAConfig
from engine.lda.fit import TopicFit
from engine.lda.means import softmax_means

_KIND = Kind(
    TopicFit,
    "a fit of LDA",
    "Fit an LDAConfig, or use engine.transform for cells under an LNM.",
)
# Convergence: no cell gains more nats than this in a step; and the most steps.
_TOLERANCE = 1e-3
_MOST_STEPS = 100
# EM steps before the first Newton step, which costs K times as much.
_EM_STEPS = 30
# Draws of a cell's proportions for its bound; all cells share them, from a fixed seed.
_DRAWS = 64
_SEED = 1


class Placed(NamedTuple):
    """Posteriors ``softmax(N(location, scale^2))`` of cells: (C, K), (C, K), and (C,) nats.

    The bound is NaN if it was not requested.
    """

    location: np.ndarray
    scale: np.ndarray
    bound: np.ndarray


def topic_proportions(
    fit: TopicFit, counts: Counts | None = None, n_samples: int = 5000
) -> pd.DataFrame:
    """Posterior proportions of the topics in each cell: means, for ``"em"`` modes.

    With ``inference="vae"``, means of each cell's logistic-normal. ``"em"`` has point estimates
    only: the mode in the softmax basis, where a Dirichlet has its mode at its mean.

    Parameters
    ----------
    counts
        Other cells, genes matched by name; None: the cells of the fit.
    n_samples
        Number of draws from the logistic-normal to average. They come from a fixed seed and are
        the same for every cell, so calls agree, and a subset of cells gets the same result.

    Returns
    -------
    DataFrame
        Cells x topics; rows sum to one.

    Raises
    ------
    DataError
        If there are no cells, or the counts lack genes of the fit.
    ConfigError
        If the fit is not one of topics, or ``n_samples`` no whole number above zero.
    """
    expect(fit, _KIND, counts)
    _check(n_samples)
    if counts is None:
        location, scale, cells = fit.location, fit.scale, fit.cells
    else:
        location, scale, _ = place(fit, counts, bound=False)
        cells = counts.cells
    means = softmax_means(location, scale, n_samples)
    return pd.DataFrame(means, index=cells, columns=fit.factor_names)


def feature_by_topic(fit: TopicFit, n_samples: int = 5000) -> pd.DataFrame:
    """Posterior probabilities of the features in each topic: means, for ``"em"`` modes.

    Returns
    -------
    DataFrame
        Features x topics; columns sum to one.

    Raises
    ------
    ConfigError
        If the fit is not one of topics, or ``n_samples`` no whole number above zero.
    """
    expect(fit, _KIND)
    _check(n_samples)
    means = softmax_means(fit.topic_location.T, fit.topic_scale.T, n_samples)
    return pd.DataFrame(means.T, index=fit.genes, columns=fit.factor_names)


def elbo(fit: TopicFit, counts: Counts) -> float:
    """Evidence lower bound of a cell, on average: nats per cell, the higher the better.

    ``E_q[log p(u_c | theta, beta)] - KL(q(theta) || p(theta))`` at the topics of the fit,
    without the multinomial coefficient; so below ``log p(u_c | beta)``, and negative. q is the
    cell's own posterior: for ``"vae"`` its logistic-normal, for ``"em"`` a Dirichlet, as in
    Blei, Ng and Jordan (2003).

    Raises
    ------
    DataError
        If there are no cells, or the counts lack genes of the fit.
    ConfigError
        If the fit is not one of topics.
    """
    expect(fit, _KIND, counts)
    return float(np.mean(place(fit, counts).bound))


def perplexity(fit: TopicFit, counts: Counts) -> float:
    """``exp(-sum of the cells' bounds / sum of their counts)``: the lower the better.

    An upper bound of the perplexity: one if every count were certain, and the number of features
    if all were equally likely. All counts of a cell are used to place it; for a score on held-out
    counts, split them first.

    Raises
    ------
    DataError
        If there are no cells, or the counts lack genes of the fit or hold none of them.
    ConfigError
        If the fit is not one of topics.
    """
    expect(fit, _KIND, counts)
    totals = counts.matched(fit.genes, fit.gene_ids).totals.sum()
    if not totals > 0:
        raise DataError("counts of the fit's genes", "none in these cells", "Choose other cells.")
    return float(np.exp(-np.sum(place(fit, counts).bound) / totals))


def place(fit: TopicFit, counts: Counts, *, bound: bool = True) -> Placed:
    """Posteriors of cells under the topics of a fit, and bounds on their likelihood.

    Raises
    ------
    DataError
        If the counts lack genes of the fit.
    """
    keep_compilations()
    return place_under(
        fit.topics.T,
        counts.matched(fit.genes, fit.gene_ids),
        fit.config,
        fit.encoder,
        refine=fit.config.refine or not fit.encoder,
        bound=bound,
    )


def place_under(
    topics: np.ndarray,
    counts: Counts,
    config: LDAConfig,
    encoder: dict[str, np.ndarray],
    *,
    refine: bool,
    bound: bool = True,
) -> Placed:
    """`place` under given topics (K, F).

    Parameters
    ----------
    encoder
        Arrays of the encoder; empty for none.
    refine
        Move each posterior to its own mode, topics fixed.
    """
    alpha, beta = on_device(np.asarray(config.alpha)), on_device(topics)
    noise = None if config.inference == "em" else _draws(len(alpha))
    parts = []
    for block in Blocks(counts, config.block_cells, keep=False, width=len(alpha)):
        if noise is None:
            location = _place_em(beta, alpha, block.counts)
            value = np.full(len(location), np.nan, np.float32)
            if bound:
                # A program of its own: with and without bounds, the other is the same.
                value = _dirichlet_bound(location, beta, alpha, block.counts)
            posterior = location, np.zeros_like(location), value
        else:
            posterior = _place_vae(beta, alpha, block.counts, dict(encoder), noise, refine)
        size = block.own.stop - block.own.start
        parts.append(Placed(*(np.asarray(array)[:size] for array in posterior)))
    return Placed(*map(np.concatenate, zip(*parts, strict=True)))


def _draws(width: int) -> np.ndarray:
    """(n, width) standard normal draws, the same at every call, of mean zero."""
    half = np.asarray(jax.random.normal(jax.random.key(_SEED), (_DRAWS // 2, width)))
    return np.concatenate([half, -half])


@partial(jax.jit, static_argnames="refine")
def _place_vae(
    topics: Float[Array, "K F"],
    alpha: Float[Array, "K"],
    counts: Float[Array, "B F"],
    encoder: dict[str, Array],
    noise: Float[Array, "n K"],
    refine: bool,
) -> tuple[Array, Array, Array]:
    prior = cell_gaussian.gaussian_prior(alpha)
    if encoder:
        location, scale = encoding.encode(encoder, counts, encoding.inputs_of(encoder))
    else:
        location = jnp.broadcast_to(prior.location, (len(counts), len(alpha)))
    if refine:
        location = cell_posterior.find_mode(
            location, topics, prior, counts, tolerance=_TOLERANCE, max_steps=_MOST_STEPS
        )
        scale = cell_gaussian.posterior_scale(location, topics, prior, counts)
    bound = cell_gaussian.gaussian_bound(location, scale, topics, alpha, counts, noise)
    return location, scale, bound


_dirichlet_bound = jax.jit(cell_posterior.dirichlet_bound)


@jax.jit
def _place_em(
    topics: Float[Array, "K F"], alpha: Float[Array, "K"], counts: Float[Array, "B F"]
) -> Float[Array, "B K"]:
    weights = jnp.ones(len(counts), counts.dtype)

    def again(_: int, shares: Array) -> Array:
        return equations.em_block(shares, topics, alpha, counts, weights).proportions

    even = jnp.full((counts.shape[0], topics.shape[0]), 1 / topics.shape[0], counts.dtype)
    near = jnp.log(jax.lax.fori_loop(0, _EM_STEPS, again, even) + equations.TINY)
    prior = cell_posterior.dirichlet_prior(alpha)
    logits = cell_posterior.find_mode(
        near, topics, prior, counts, tolerance=_TOLERANCE, max_steps=_MOST_STEPS
    )
    return jax.nn.log_softmax(logits)


def _check(n_samples: int) -> None:
    whole = isinstance(n_samples, int | np.integer) and not isinstance(n_samples, bool)
    if not whole or n_samples < 1:
        raise ConfigError(
            "n_samples to be a whole number above zero", repr(n_samples), "Change n_samples."
        )
