"""Expected proportions of a cell against importance sampling."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from engine.models import lnm
from engine.models.lnm_prediction import expected_proportions
from engine.models.poisson_lognormal import LOG_NO_NOISE, NARROW
from tests.engine.problems import Problem, problem


def expected(case: Problem, params: lnm.Params) -> np.ndarray:
    with jax.enable_x64(True):
        params = lnm.Params(*(jnp.asarray(part) for part in params))
        counts = jnp.asarray(case.counts)
        latents, _ = lnm.find_mode(
            params,
            counts,
            lnm.cold_start(params, counts.sum(1)),
            NARROW,
            tolerance=1e-8,
            max_steps=60,
        )
        half = jax.random.normal(jax.random.key(0), (2000, params.loadings.shape[1] + 1))
        noise = jnp.concatenate([half, -half])
        return np.asarray(expected_proportions(params, counts, latents, NARROW, noise))


def sampled(case: Problem, params: lnm.Params, draws: int = 400_000) -> np.ndarray:
    """Draws of the prior weighted by the likelihood of the cell's counts."""
    rng = np.random.default_rng(1)
    found = []
    spread = np.sqrt(np.exp(params.log_noise)) * (params.log_noise > LOG_NO_NOISE + 1)
    for u in case.counts:
        y = params.mean + rng.normal(size=(draws, params.loadings.shape[1])) @ params.loadings.T
        y += rng.normal(size=y.shape) * spread
        rho = np.exp(y - y.max(1, keepdims=True))
        rho /= rho.sum(1, keepdims=True)
        log_weight = np.log(rho) @ u
        weight = np.exp(log_weight - log_weight.max())
        found.append(weight @ rho / weight.sum())
    return np.array(found)


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
