"""Expected proportions of a cell under a logistic-normal multinomial, given its counts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from engine.lnm import equations
from engine.lnm import residual as pln
from engine.lnm.packing import product

_LEAST_RATE = 1e-30


def expected_proportions(
    params: equations.Params,
    counts: Float[Array, "B G"],
    posterior: equations.Posterior,
    integral: pln.Integral,
    noise: Float[Array, "n q"],
) -> Float[Array, "B G"]:
    """Posterior mean of rho, the residuals epsilon integrated out; rows sum to one.

    Draws (z, lambda) from the Laplace approximation at its mode. Given them the genes are
    independent, and the derivative of ``psi(x) = log E exp(u (x + e) - exp(x + e))`` is
    ``u - E[exp(x + e) | u]``: so the expected intensity is ``u - psi'(x)``, and a draw's
    proportions are the intensities over their sum, which over thousands of genes hardly varies.

    Parameters
    ----------
    posterior
        Posterior of each cell, at its mode.
    noise
        Standard normal draws, the same for every cell; q = k + 1.
    """
    latents = posterior.latents
    factor = jnp.linalg.cholesky(posterior.covariance)

    def add(total: Array, draw: Array) -> tuple[Array, None]:
        move = factor @ draw
        x = product(latents.scores + move[:, :-1], params.loadings.T) + params.mean
        x += (latents.intensity + move[:, -1])[:, None]
        mode = pln.residual_mode(x, params.log_noise, counts)
        rate = jnp.maximum(counts - integral.slope(mode), _LEAST_RATE)
        return total + rate / rate.sum(1, keepdims=True), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(counts), noise)
    return total / len(noise)
