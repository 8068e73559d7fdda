"""Expected proportions of a cell against importance sampling."""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest

from engine.lnm import equations
from engine.lnm.prediction import expected_proportions
from engine.lnm.residual import LOG_NO_NOISE, NARROW
from tests.engine.problems import Problem, problem


@jax.jit
def _expected(params: equations.Params, counts: jax.Array, noise: jax.Array) -> jax.Array:
    begin = equations.cold_start(params, counts.sum(1))
    posterior = equations.find_posterior(
        params, counts, begin, NARROW, tolerance=1e-8, max_steps=60
    )
    return expected_proportions(params, counts, posterior, NARROW, noise)


def expected(case: Problem, params: equations.Params) -> np.ndarray:
    half = np.random.default_rng(0).normal(size=(2000, params.loadings.shape[1] + 1))
    with jax.enable_x64(True):
        return np.asarray(_expected(params, case.counts, np.concatenate([half, -half])))


def sampled(case: Problem, params: equations.Params, draws: int = 400_000) -> np.ndarray:
    """Draws of the prior weighted by the likelihood of the cell's counts."""
    scores, residuals = standard_draws(draws, *params.loadings.shape)
    spread = np.sqrt(np.exp(params.log_noise)) * (params.log_noise > LOG_NO_NOISE + 1)
    # By einsum: the threads of a matrix product of so few columns only wait for each other.
    y = params.mean + np.einsum("si,gi->sg", scores, params.loadings) + residuals * spread
    log_rho = y - np.log(np.exp(y).sum(1, keepdims=True))
    rho = np.exp(log_rho)
    found = []
    for u in case.counts:
        log_weight = np.einsum("sg,g->s", log_rho, u)
        weight = np.exp(log_weight - log_weight.max())
        found.append(np.einsum("s,sg->g", weight, rho) / weight.sum())
    return np.array(found)


@cache
def standard_draws(draws: int, genes: int, factors: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and residuals, the same for every cell."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(draws, factors)), rng.normal(size=(draws, genes))


@pytest.mark.parametrize("low_rank", [False, True])
def test_against_importance_sampling(low_rank: bool) -> None:
    case = problem([5, 30, 120])
    params = case.params
    if low_rank:
        params = params._replace(log_noise=np.full_like(params.log_noise, LOG_NO_NOISE))
    found = expected(case, params)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-9)
    # Laplace's approximation of (z, lambda) is worst where counts are few.
    np.testing.assert_allclose(found, sampled(case, params), atol=0.01)
