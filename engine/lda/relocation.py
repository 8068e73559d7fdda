"""Leave a local optimum: move the least useful topic to where the model fits worst."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.fitting.blocks import Blocks, size_of
from engine.lda import equations
from engine.lda.passes import Estimate
from engine.lda.start import topics_from

# Cells in which the loss of each topic is measured, and fixed-point steps without it.
_CELLS = 300
_STEPS = 8
# Directions of the residuals, steps of the power iteration, cells pooled at an end of a direction.
_DIRECTIONS = 2
_POWER_STEPS = 6
_POOLED = 15


@jax.jit
def residual_products(
    proportions: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    counts: Float[Array, "B F"],
    weights: Float[Array, "B"],
    directions: Float[Array, "F m"],
) -> tuple[Float[Array, "B m"], Float[Array, "F m"]]:
    """Pearson residuals R of a block times directions, and R' times this product."""
    predicted = proportions @ topics * counts.sum(1, keepdims=True) + equations.TINY
    residuals = (counts - predicted) / jnp.sqrt(predicted + 0.1) * weights[:, None]
    along = residuals @ directions
    return along, residuals.T @ along


@partial(jax.jit, static_argnames="steps")
def losses(
    proportions: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    alpha: Float[Array, "K"],
    counts: Float[Array, "B F"],
    steps: int,
) -> Float[Array, "K"]:
    """Nats that the cells of a block lose without each topic, the others' shares adapted."""
    weights = jnp.ones(len(counts), counts.dtype)

    def without(left_out: Array) -> Array:
        others = jnp.arange(len(topics)) != left_out
        shares = (proportions + 1e-3) * others
        shares /= shares.sum(1, keepdims=True)

        def again(shares: Array, _: None) -> tuple[Array, None]:
            return equations.em_block(
                shares, topics, alpha * others, counts, weights
            ).proportions, None

        shares = jax.lax.scan(again, shares, length=steps)[0]
        return equations.em_block(
            shares, topics, alpha * others, counts, weights
        ).log_likelihood.sum()

    whole = equations.em_block(proportions, topics, alpha, counts, weights).log_likelihood.sum()
    return whole - jax.lax.map(without, jnp.arange(len(topics)))


def proposals(
    blocks: Blocks, at: Estimate, alpha: np.ndarray, rng: np.random.Generator
) -> Iterator[Estimate]:
    """Estimates with one topic moved, the most promising first.

    A merged pair of topics leaves residuals that are large along one direction, with the cells of
    the two topics at its ends; a split or idle topic can be removed at little loss.
    """
    counts = blocks.counts
    sample = np.sort(rng.permutation(counts.n_cells)[:_CELLS])
    some = counts.take(sample).block(0, len(sample))
    missed = np.asarray(
        losses(at.proportions[sample], at.topics, alpha.astype(np.float32), some, _STEPS)
    )
    idle = int(missed.argmin())
    scores = _residual_directions(blocks, at, rng)
    ends = [sign * scores[:, j] for j in range(scores.shape[1]) for sign in (1.0, -1.0)]
    size = min(_POOLED, counts.n_cells)
    tops = [np.argpartition(-end, size - 1)[:size] for end in ends]
    strength = [end[top].mean() for end, top in zip(ends, tops, strict=True)]
    for end in np.argsort(strength)[::-1]:
        # Sorted, because files are read in order.
        own = counts.take(np.sort(tops[end])).block(0, size)
        mean = at.proportions.mean(0) @ at.topics
        topics = at.topics.copy()
        topics[idle] = topics_from(own.sum(0, dtype=float)[None], mean, rng)[0]
        shares = at.proportions + 0.02 / at.proportions.shape[1]
        shares[:, idle] = shares.mean()
        shares[tops[end], idle] = shares.max()
        yield Estimate(shares / shares.sum(1, keepdims=True), topics)


def _residual_directions(blocks: Blocks, at: Estimate, rng: np.random.Generator) -> np.ndarray:
    """(C, m) leading left singular vectors of the residuals, of unit length."""
    width = min(_DIRECTIONS + 2, *at.topics.shape[1:], len(at.proportions))
    basis = rng.normal(size=(at.topics.shape[1], width)).astype(np.float32)
    along = np.empty((len(at.proportions), width), np.float32)
    for _ in range(_POWER_STEPS):
        back = np.zeros(basis.shape)
        for block in blocks:
            here, there = residual_products(
                block.padded(at.proportions), at.topics, block.counts, block.weights, basis
            )
            along[block.own] = np.asarray(here)[: size_of(block.own)]
            back += np.asarray(there, float)
        basis = np.linalg.qr(back)[0].astype(np.float32)
    left, _, _ = np.linalg.svd(along, full_matrices=False)
    return np.asarray(left[:, :_DIRECTIONS])
