"""A cell's likelihood under the LNM given its factor scores: the decoder of the autoencoder.

Given z, the residuals epsilon and the intensity lambda remain. They are integrated as in
`engine.lnm.equations`: each residual nearly exactly in one dimension, and lambda, the only unknown
that the genes share, by Laplace about its mode (exact where no gene has a residual):

    log p(u | z) = const + sum_g psi_g(x_g + lambda) - log J / 2,   J = sum_g -psi_g''

with x = mu + W z and the constants of `lnm.constants`. So the mean of this over a density q(z),
less the divergence of q from the prior, is a lower bound on the log-marginal that `lnm`
approximates, in the same units and with the same constants.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from engine.fitting.encoding import Gaussian
from engine.lnm import equations
from engine.lnm import residual as pln
from engine.lnm.packing import product

# Newton on lambda: decrement in posterior standard deviations, and the most steps.
_TOLERANCE = 1e-2
_MOST_STEPS = 30


def intensity(
    x: Float[Array, "B G"], log_noise: Float[Array, "G"], counts: Float[Array, "B G"]
) -> Float[Array, "B"]:
    """The mode of lambda in each cell; meaningless for cells without counts."""

    def body(state):  # type: ignore[no-untyped-def]
        log_intensity, _, step = state
        mode = pln.residual_mode(x + log_intensity[:, None], log_noise, counts)
        slope, metric = pln.slope(mode).sum(1), jnp.maximum(pln.metric(mode).sum(1), 1e-20)
        move = jnp.clip(slope / metric, -equations.DAMPING, equations.DAMPING)
        return log_intensity + move, jnp.abs(slope) / jnp.sqrt(metric), step + 1

    def unsettled(state):  # type: ignore[no-untyped-def]
        _, decrement, step = state
        return (step < _MOST_STEPS) & jnp.any(decrement > _TOLERANCE)

    totals = jnp.maximum(counts.sum(1), 1.0)
    start = jnp.log(totals) - jax.nn.logsumexp(x + 0.5 * jnp.exp(log_noise), axis=1)
    decrement = jnp.full(len(counts), jnp.inf, x.dtype)
    log_intensity, _, _ = jax.lax.while_loop(unsettled, body, (start, decrement, 0))
    return log_intensity


@jax.custom_vjp
def log_likelihood(
    x: Float[Array, "B G"], log_noise: Float[Array, "G"], counts: Float[Array, "B G"]
) -> Float[Array, "B"]:
    """Log p(u | z) less `lnm.constants`, nats; its gradient in x and log d includes the mode's."""
    return _with_slopes(x, log_noise, counts)[0]


def _with_slopes(x: Array, log_noise: Array, counts: Array) -> tuple[Array, tuple[Array, Array]]:
    """The value, and its derivatives in x and in log d: `sums.sums_at_mode` without z."""
    log_intensity = intensity(x, log_noise, counts)
    mode = pln.residual_mode(x + log_intensity[:, None], log_noise, counts)
    slopes = pln.slopes(mode)
    information = jnp.maximum(slopes.curvature.sum(1, keepdims=True), 1e-20)
    value = pln.psi(mode).sum(1) - 0.5 * jnp.log(information[:, 0])
    half = 0.5 / information
    pull = -(half * slopes.curvature_x).sum(1, keepdims=True) / information
    in_x = slopes.slope - pull * slopes.curvature - half * slopes.curvature_x
    in_log_noise = slopes.log_d + pull * slopes.slope_log_d - half * slopes.curvature_log_d
    return value, (in_x, in_log_noise)


def _backward(slopes: tuple[Array, Array], weight: Array) -> tuple[Array, Array, None]:
    in_x, in_log_noise = (part * weight[:, None] for part in slopes)
    return in_x, in_log_noise.sum(0), None


log_likelihood.defvjp(_with_slopes, _backward)


def log_likelihood_low_rank(
    x: Float[Array, "B G"], counts: Float[Array, "B G"]
) -> Float[Array, "B"]:
    """`log_likelihood` without residuals, in closed form: a multinomial's."""
    totals = jnp.maximum(counts.sum(1, keepdims=True), 1.0)
    observed = jnp.log(jnp.maximum(counts, 1.0) / totals)
    return (counts * (jax.nn.log_softmax(x) - observed)).sum(1) - 0.5 * jnp.log(totals[:, 0])


def bound(
    params: equations.Params,
    counts: Float[Array, "B G"],
    posterior: Gaussian,
    noise: Float[Array, "n k"],
) -> Float[Array, "B"]:
    """Evidence lower bound of each cell under given parameters, less `lnm.constants`, nats.

    Parameters
    ----------
    posterior
        q(z) of each cell, (B, k) independent normals.
    noise
        Standard normal draws for the mean over q, the same for every cell.
    """

    def add(total: Array, draw: Array) -> tuple[Array, None]:
        x = product(posterior.location + posterior.scale * draw, params.loadings.T) + params.mean
        return total + log_likelihood(x, params.log_noise, counts), None

    total, _ = jax.lax.scan(add, jnp.zeros(len(counts), counts.dtype), noise)
    variance = posterior.scale**2
    divergence = 0.5 * (variance + posterior.location**2 - 1 - jnp.log(variance)).sum(1)
    return total / len(noise) - divergence


def expected_proportions(
    params: equations.Params,
    counts: Float[Array, "B G"],
    posterior: Gaussian,
    noise: Float[Array, "n k"],
) -> Float[Array, "B G"]:
    """Mean of rho over q(z), residuals integrated out; rows sum to one.

    As `prediction.expected_proportions`, with lambda at its mode given z.
    """

    def add(total: Array, draw: Array) -> tuple[Array, None]:
        x = product(posterior.location + posterior.scale * draw, params.loadings.T) + params.mean
        x = x + intensity(x, params.log_noise, counts)[:, None]
        mode = pln.residual_mode(x, params.log_noise, counts)
        rate = jnp.maximum(counts - pln.slope(mode), 1e-30)
        return total + rate / rate.sum(1, keepdims=True), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(counts), noise)
    return total / len(noise)
