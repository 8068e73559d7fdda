"""The logistic-normal multinomial, its latents integrated by a nested Laplace approximation.

    z_c ~ N(0, I_k),  y_c = mu + W z_c + e_c,  e_c ~ N(0, diag(d)),
    u_c ~ Mult(N_c, softmax(y_c))

Written as Poisson counts with a free cell intensity lambda (flat prior), the genes separate
given q = (z, lambda): each residual e_g is integrated nearly exactly in one dimension
(`residual`), and only the k + 1 well-informed unknowns q are treated by Laplace:

    log p(u) = const + sum_g psi_g(x_g) - z'z/2 - log det J / 2,     x_g = mu_g + w_g'z + lambda
    J = V' diag(-psi'') V + diag(1_k, 0),                            V = [W, 1]

Everything a cell contributes to objective, gradient and curvature is a sum over cells, so a
block of cells is the unit of work and no array of cells x genes outlives it.

The logits are defined up to one constant a cell, which lambda absorbs. All G features are free
and alike here: the ALR form (mu = w = 0 for the reference) gives the same likelihood if its
residuals share that of the reference, but couples every gene to one that may be rare.

Notation: B cells of a block, G features, k factors, q = k + 1, P = q (q + 1) / 2 pairs of
columns of V.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.special import gammaln

from engine.lnm import residual as pln
from engine.lnm.packing import pair_products, product, unpack
from engine.lnm.wright_omega import fitted_rate

DAMPING = 2.0

# Arrays of JAX inside the model, of NumPy in the driver.
AnyArray = Any


class Params(NamedTuple):
    """Logits' mean, loadings W and log d; `LOG_NO_NOISE` where there is no noise.

    With covariates the mean is each cell's own (B, G), see `of_cells`.
    """

    mean: Float[AnyArray, "... G"]
    loadings: Float[AnyArray, "G k"]
    log_noise: Float[AnyArray, "G"]


class Latents(NamedTuple):
    """Mode of each cell: factor scores z and log intensity lambda."""

    scores: Float[AnyArray, "B k"]
    intensity: Float[AnyArray, "B"]


class Cells(NamedTuple):
    """Results of a pass for each cell of a block."""

    latents: Latents
    scores_sd: Float[AnyArray, "B k"]
    log_marginal: Float[AnyArray, "B"]
    decrement: Float[AnyArray, "B"]


def of_cells(
    params: Params,
    covariates: Float[Array, "B p"] | None,
    effects: Float[Array, "G p"] | None,
) -> Params:
    """The parameters, with a mean for each cell, ``mu + B x_c``, if there are covariates x."""
    if covariates is None or effects is None:
        return params
    return params._replace(mean=params.mean + product(covariates, effects.T))


def design_of(params: Params) -> Float[Array, "G q"]:
    """V = [W, 1]."""
    return jnp.concatenate([params.loadings, jnp.ones_like(params.log_noise)[:, None]], axis=1)


def _predictor(params: Params, latents: Latents) -> Float[Array, "B G"]:
    programmes = product(latents.scores, params.loadings.T)
    return programmes + params.mean + latents.intensity[:, None]


def _information(weights: Float[Array, "B G"], pairs: Float[Array, "G P"]) -> Array:
    """J of each cell, (B, q, q), by one matrix product."""
    packed = unpack(product(weights, pairs))
    prior = np.eye(packed.shape[-1], dtype=packed.dtype)
    prior[-1, -1] = 0
    return packed + prior


def _solve(factor: Float[Array, "B q q"], right: Float[Array, "B q"]) -> Float[Array, "B q"]:
    return jax.scipy.linalg.cho_solve((factor, True), right[..., None])[..., 0]


def cold_start(params: Params, totals: Float[Array, "B"]) -> Latents:
    """Latents at z = 0, with the intensity that explains each cell's total."""
    expected = jax.nn.logsumexp(params.mean + 0.5 * jnp.exp(params.log_noise), axis=-1)
    zero = jnp.zeros((totals.shape[0], params.loadings.shape[1]), params.mean.dtype)
    return Latents(zero, jnp.log(totals) - expected)


class Posterior(NamedTuple):
    """The Laplace approximation of each cell, at the point that its decrement belongs to.

    The decrement is that of Newton, sqrt(g' J^-1 g), in posterior standard deviations; infinite for
    a cell whose latents stopped being finite, which is left at z = 0. If it is small, the latents
    include one more move.
    """

    latents: Latents
    decrement: Float[Array, "B"]
    mode: pln.Mode
    slope: Float[Array, "B G"]
    curvature: Float[Array, "B G"]
    covariance: Float[Array, "B q q"]
    log_marginal: Float[Array, "B"]

    def cells(self, rotation: Float[Array, "k k"]) -> Cells:
        """The results for each cell; sd of z along the columns of the rotation."""
        covariance = self.covariance[:, :-1, :-1]
        variance = jnp.einsum("ik,bij,jk->bk", rotation, covariance, rotation)
        return Cells(self.latents, jnp.sqrt(variance), self.log_marginal, self.decrement)


class _Newton(NamedTuple):
    """State of Newton's method: latents, derivatives there, and the next move."""

    latents: Latents
    x: Float[Array, "B G"]
    rate: Float[Array, "B G"]
    slope: Float[Array, "B G"]
    curvature: Float[Array, "B G"]
    factor: Float[Array, "B q q"]
    move: Float[Array, "B q"]
    decrement: Float[Array, "B"]
    settled: Bool[Array, "B"]
    lost: Bool[Array, "B"]
    steps: int | Array


def find_posterior(
    params: Params,
    counts: Float[Array, "B G"],
    latents: Latents,
    integral: pln.Integral,
    *,
    tolerance: float | Array,
    max_steps: int | Array,
) -> Posterior:
    """Newton on (z, lambda) of every cell at once, and the Laplace approximation where it ends.

    psi is concave, so J is positive everywhere. A move that would multiply any intensity by more
    than e^2 is shortened.

    Parameters
    ----------
    tolerance
        Decrement below which one more move is enough; as a move nearly squares the decrement, a
        tenth of this needs none. log det J is more sensitive than the exponent: it has a slope at
        the mode.
    max_steps
        Most moves.
    """
    design = design_of(params)
    pairs = pair_products(design)
    cells, genes = counts.shape
    anew = cold_start(params, jnp.maximum(counts.sum(1), 1.0))

    def step(at: _Newton) -> _Newton:
        x_move = product(at.move, design.T)
        shrink = jnp.minimum(1.0, DAMPING / jnp.maximum(x_move.max(1), 1e-6))
        move = at.move * shrink[:, None]
        lost = at.lost | ~jnp.isfinite(at.decrement) | ~jnp.isfinite(at.latents.intensity)
        scores = jnp.where(lost[:, None], 0.0, at.latents.scores + move[:, :-1])
        intensity = jnp.where(lost, anew.intensity, at.latents.intensity + move[:, -1])
        start = params.mean + anew.intensity[:, None]
        x = jnp.where(lost[:, None], start, at.x + x_move * shrink[:, None])
        # Without the barriers XLA would compute each again wherever it is used.
        x = jax.lax.optimization_barrier(x)
        rate = jax.lax.optimization_barrier(fitted_rate(x, params.log_noise, counts))
        mode = pln.mode_at(rate, x, params.log_noise, counts)
        slope, curvature = integral.slope_and_curvature(mode)
        gradient = product(slope, design).at[:, :-1].add(-scores)
        factor = jnp.linalg.cholesky(_information(curvature, pairs))
        move = _solve(factor, gradient)
        decrement = jnp.sqrt(jnp.maximum((gradient * move).sum(1), 0.0))
        settled = (decrement <= 0.1 * tolerance) | (at.decrement <= tolerance)
        return _Newton(
            Latents(scores, intensity),
            x,
            rate,
            slope,
            curvature,
            factor,
            move,
            decrement,
            settled,
            lost,
            at.steps + 1,
        )

    def unsettled(at: _Newton) -> Array:
        on_the_way = ~at.settled & (at.steps < max_steps)
        return jnp.any(~at.lost & (on_the_way | ~jnp.isfinite(at.decrement)))

    # Before the first evaluation nothing is known, and no move is made.
    nothing = jnp.zeros_like(counts)
    size = design.shape[1]
    dtype = params.mean.dtype
    start = _Newton(
        latents,
        _predictor(params, latents),
        nothing,
        nothing,
        nothing,
        jnp.zeros((cells, size, size), dtype),
        jnp.zeros((cells, size), dtype),
        jnp.full(cells, jnp.finfo(dtype).max),
        jnp.zeros(cells, bool),
        jnp.zeros(cells, bool),
        -1,
    )
    at = jax.lax.while_loop(unsettled, step, start)
    mode = pln.mode_at(at.rate, at.x, params.log_noise, counts)
    log_det = 2 * jnp.log(jnp.diagonal(at.factor, axis1=1, axis2=2)).sum(1)
    identity = jnp.broadcast_to(jnp.eye(size, dtype=dtype), at.factor.shape)
    covariance = jax.scipy.linalg.cho_solve((at.factor, True), identity)
    of_genes = product(integral.psi(mode), jnp.ones((genes, 1), dtype))[:, 0]
    value = of_genes - 0.5 * (at.latents.scores**2).sum(1) - 0.5 * log_det
    decrement = jnp.where(at.lost, jnp.inf, at.decrement)
    last = jnp.where((at.settled & ~at.lost)[:, None], at.move, 0.0)
    latents = Latents(at.latents.scores + last[:, :-1], at.latents.intensity + last[:, -1])
    return Posterior(latents, decrement, mode, at.slope, at.curvature, covariance, value)


def constants(counts: np.ndarray) -> np.ndarray:
    """Terms of log p(u | N) that do not depend on the parameters, per cell, float64.

    The multinomial coefficient, the constants of the two Laplace approximations, and
    log Gamma(N) - Stirling(N), which makes the integral over lambda exact.
    """
    values = np.asarray(counts, dtype=np.float64)
    totals = values.sum(1)
    rows, columns = np.nonzero(values)
    present = values[rows, columns]
    saturated = present * np.log(present) - present - gammaln(present + 1)
    of_genes = np.bincount(rows, saturated, minlength=len(values))
    stirling = totals * np.log(totals) - totals + 0.5 * np.log(2 * np.pi / totals)
    of_totals = np.log(totals) + 0.5 * np.log(2 * np.pi) + gammaln(totals) - stirling
    return of_genes + of_totals
