"""Passes of EM over the cells of a data set, in blocks of one fixed shape."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import jax
import numpy as np

from engine.fitting.blocks import Blocks, on_device, size_of
from engine.lda import equations

em_block = jax.jit(equations.em_block)


class Estimate(NamedTuple):
    """Topics (K, F) and proportions (C, K), rows summing to one."""

    proportions: np.ndarray
    topics: np.ndarray


class Pass(NamedTuple):
    """An estimate, its objective, and the next estimate of EM.

    Attributes
    ----------
    objective
        Log-likelihood and log-priors, nats.
    log_likelihood
        (C,) of each cell at ``at``, times its weight, without the multinomial coefficient, nats.
    """

    at: Estimate
    next: Estimate
    objective: float
    log_likelihood: np.ndarray


def em_pass(
    blocks: Blocks, at: Estimate, alpha: np.ndarray, eta: np.ndarray
) -> Generator[float, None, Pass]:
    """One EM step; yields the share of it that is done after every block.

    The objective is ``sum_c log p(u_c) + sum_ck alpha_k log theta_ck + sum_kg eta_g log beta_kg``,
    the terms of each cell times its weight, summed in float64; no EM step lowers it.
    """
    topics, concentration = on_device(at.topics), on_device(alpha)
    expected = np.zeros(at.topics.shape)
    proportions = np.empty_like(at.proportions)
    log_likelihood = np.empty(len(at.proportions))
    for block in blocks:
        block_step = em_block(
            block.padded(at.proportions), topics, concentration, block.counts, block.weights
        )
        size = size_of(block.own)
        proportions[block.own] = np.asarray(block_step.proportions)[:size]
        log_likelihood[block.own] = np.asarray(block_step.log_likelihood)[:size]
        expected += np.asarray(block_step.expected, float)
        yield block.own.stop / blocks.counts.n_cells
    expected += eta
    topics_next = (expected / expected.sum(1, keepdims=True)).astype(np.float32)
    objective = (
        float(log_likelihood.sum())
        + _log_prior(at.proportions, alpha, blocks.weights)
        + _log_prior(at.topics, eta, np.ones(len(at.topics)))
    )
    return Pass(at, Estimate(proportions, topics_next), objective, log_likelihood)


def _log_prior(shares: np.ndarray, concentration: np.ndarray, weights: np.ndarray) -> float:
    return float(weights @ np.log(np.maximum(shares, equations.TINY)).astype(float) @ concentration)
