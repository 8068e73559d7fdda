"""The logistic-normal multinomial, its latents integrated by a nested Laplace approximation.

    z_c ~ N(0, I_k),  y_c = mu + W z_c + e_c,  e_c ~ N(0, diag(d)),
    u_c ~ Mult(N_c, softmax(y_c))

Written as Poisson counts with a free cell intensity lambda (flat prior), the genes separate
given q = (z, lambda): each residual e_g is integrated nearly exactly in one dimension
(`poisson_lognormal`), and only the k + 1 well-informed unknowns q are treated by Laplace:

    log p(u) = const + sum_g psi_g(x_g) - z'z/2 - log det J / 2,     x_g = mu_g + w_g'z + lambda
    J = V' diag(-psi'') V + diag(1_k, 0),                            V = [W, 1]

Everything a cell contributes to objective, gradient and curvature is a sum over cells, so a
block of cells is the unit of work and no array of cells x genes outlives it.

The logits are defined up to one constant a cell, which lambda absorbs. All G features are free
here, and only the noise of the reference is fixed at none: the ALR form (mu = w = 0 for the
reference) gives the same likelihood, but couples every gene to one that may be rare.

Notation: B cells of a block, G features, k factors, q = k + 1, P = q (q + 1) / 2 pairs of
columns of V.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import gammaln

from engine.models import poisson_lognormal as pln
from engine.models.packing import pack, pair_products, pair_weights, product, unpack

DAMPING = 2.0

# What travels between driver and model is JAX's inside, NumPy's outside.
AnyArray = Any


class Params(NamedTuple):
    """Logits' mean, loadings W and log d; the noise of the reference is `LOG_NO_NOISE`."""

    mean: Float[AnyArray, "G"]
    loadings: Float[AnyArray, "G k"]
    log_noise: Float[AnyArray, "G"]


class Latents(NamedTuple):
    """Mode of each cell: factor scores z and log intensity lambda."""

    scores: Float[AnyArray, "B k"]
    intensity: Float[AnyArray, "B"]


class Cells(NamedTuple):
    """What a pass tells of each cell of a block."""

    latents: Latents
    scores_sd: Float[AnyArray, "B k"]
    log_marginal: Float[AnyArray, "B"]
    decrement: Float[AnyArray, "B"]


class Sums(NamedTuple):
    """What a pass adds up over cells; a monoid under elementwise addition.

    ``mean``, ``loadings`` and ``log_noise`` are gradients of ``log_marginal``; ``curvature`` packs
    each gene's sum of ``-psi'' E[(z, 1)(z, 1)']``; ``noise_expected`` and ``noise_outer`` are the
    expected information and the summed squared score of log d at fixed mean intensity;
    ``moments`` sums ``E[(z, 1)(z, 1)']``.
    """

    weight: Float[AnyArray, ""]
    log_marginal: Float[AnyArray, ""]
    mean: Float[AnyArray, "G"]
    loadings: Float[AnyArray, "G k"]
    log_noise: Float[AnyArray, "G"]
    curvature: Float[AnyArray, "G P"]
    noise_expected: Float[AnyArray, "G"]
    noise_outer: Float[AnyArray, "G"]
    moments: Float[AnyArray, "q q"]


def _design(params: Params) -> Float[Array, "G q"]:
    return jnp.concatenate([params.loadings, jnp.ones_like(params.mean)[:, None]], axis=1)


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
    expected = jax.nn.logsumexp(params.mean + 0.5 * jnp.exp(params.log_noise))
    zero = jnp.zeros((totals.shape[0], params.loadings.shape[1]), params.mean.dtype)
    return Latents(zero, jnp.log(totals) - expected)


def find_mode(
    params: Params,
    counts: Float[Array, "B G"],
    latents: Latents,
    integral: pln.Integral,
    *,
    tolerance: float | Array,
    max_steps: int | Array,
) -> tuple[Latents, Float[Array, "B"]]:
    """Newton on (z, lambda) of every cell at once.

    The metric r / (1 + t) replaces -psi'': it is positive everywhere and differs from it by
    the expansion's small terms only. A step that would multiply any intensity by more
    than e^2 is shortened. A cell whose latents stop being finite is left at z = 0.

    Returns
    -------
    The modes, and the Newton decrement sqrt(g' J^-1 g) left in each cell, in posterior
    standard deviations (infinite for a lost cell).
    """
    design = _design(params)
    pairs = pair_products(design)

    def body(state):  # type: ignore[no-untyped-def]
        latents, x, _, step = state
        mode = pln.residual_mode(x, params.log_noise, counts)
        gradient = product(integral.slope(mode), design).at[:, :-1].add(-latents.scores)
        factor = jnp.linalg.cholesky(_information(integral.metric(mode), pairs))
        move = _solve(factor, gradient)
        decrement = jnp.sqrt(jnp.maximum((gradient * move).sum(1), 0.0))
        x_move = product(move, design.T)
        shrink = jnp.minimum(1.0, DAMPING / jnp.maximum(x_move.max(1), 1e-6))
        move = move * shrink[:, None]
        latents = Latents(latents.scores + move[:, :-1], latents.intensity + move[:, -1])
        return latents, x + x_move * shrink[:, None], decrement, step + 1

    def unsettled(state):  # type: ignore[no-untyped-def]
        _, _, decrement, step = state
        return (step < max_steps) & jnp.any(decrement > tolerance)

    start = (
        latents,
        _predictor(params, latents),
        jnp.full(counts.shape[0], jnp.inf, params.mean.dtype),
        0,
    )
    latents, _, decrement, _ = jax.lax.while_loop(unsettled, body, start)
    sound = jnp.isfinite(decrement) & jnp.isfinite(latents.intensity)
    cold = cold_start(params, counts.sum(1))
    kept = Latents(
        jnp.where(sound[:, None], latents.scores, 0.0),
        jnp.where(sound, latents.intensity, cold.intensity),
    )
    return kept, jnp.where(sound, decrement, jnp.inf)


class Posterior(NamedTuple):
    """The Laplace approximation of each cell at its mode."""

    mode: pln.Mode
    slopes: pln.Slopes
    covariance: Float[Array, "B q q"]
    log_marginal: Float[Array, "B"]

    def cells(
        self, latents: Latents, decrement: Float[Array, "B"], rotation: Float[Array, "k k"]
    ) -> Cells:
        """What of it is kept of each cell; sd of z along the columns of the rotation."""
        covariance = self.covariance[:, :-1, :-1]
        variance = jnp.einsum("ik,bij,jk->bk", rotation, covariance, rotation)
        return Cells(latents, jnp.sqrt(variance), self.log_marginal, decrement)


def posterior_at_mode(
    params: Params, counts: Float[Array, "B G"], latents: Latents, integral: pln.Integral
) -> Posterior:
    """The Laplace approximation at given modes."""
    mode = pln.residual_mode(_predictor(params, latents), params.log_noise, counts)
    slopes = integral.slopes(mode)
    factor = jnp.linalg.cholesky(_information(slopes.curvature, pair_products(_design(params))))
    log_det = 2 * jnp.log(jnp.diagonal(factor, axis1=1, axis2=2)).sum(1)
    identity = jnp.broadcast_to(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor.shape)
    covariance = jax.scipy.linalg.cho_solve((factor, True), identity)
    value = integral.psi(mode).sum(1) - 0.5 * (latents.scores**2).sum(1) - 0.5 * log_det
    return Posterior(mode, slopes, covariance, value)


def sums_at_mode(
    params: Params,
    counts: Float[Array, "B G"],
    weights: Float[Array, "B"],
    latents: Latents,
    decrement: Float[Array, "B"],
    rotation: Float[Array, "k k"],
    volume: Float[Array, "k k"],
    integral: pln.Integral,
) -> tuple[Sums, Cells]:
    """Objective, exact gradient and curvature blocks, summed over the cells of a block.

    The gradient follows the mode. With the leverages ``L_g = v_g' J^-1 v_g`` and
    ``p = J^-1 V' (L psi3 / 2)``, psi3 the third derivative, the answer of the mode and of
    log det J to the parameters is that of ``psi + (v_g'p) psi' + L_g psi'' / 2`` with p and L held
    fixed.

    The gradient is that of ``log p(u) - tr(Q E[zz']) / 2``: the driver weighs the volume of the
    posterior of W by it. Q enters as ``J^-1 - J^-1 Q J^-1`` in place of ``J^-1`` in L, and as a
    pull ``-Q z`` on the mode.

    Parameters
    ----------
    weights
        Weight of each cell: 1, or 0 for the padding of a last block.
    rotation
        Orthogonal; standard deviations of z are given along its columns.
    volume
        Q above, per cell; zero for the gradient of the log-marginal alone.
    """
    posterior = posterior_at_mode(params, counts, latents, integral)
    mode, slopes, covariance = posterior.mode, posterior.slopes, posterior.covariance
    design = _design(params)
    padded = jnp.pad(volume, ((0, 1), (0, 1)))
    answer = covariance - covariance @ padded @ covariance
    leverage = product(pack(answer) * pair_weights(design.shape[1]), pair_products(design).T)
    pull = product(-0.5 * leverage * slopes.curvature_x, design)
    pull = pull.at[:, :-1].add(-latents.scores @ volume)
    pull = (covariance @ pull[..., None])[..., 0]
    along = product(pull, design.T)

    column = weights[:, None]
    in_x = slopes.slope - along * slopes.curvature - 0.5 * leverage * slopes.curvature_x
    in_log_noise = (
        slopes.log_d + along * slopes.slope_log_d - 0.5 * leverage * slopes.curvature_log_d
    )
    scores = latents.scores
    weighted = slopes.curvature * column
    spread = unpack(product(weighted.T, pack(answer)))
    in_loadings = (
        product((in_x * column).T, scores)
        + product((slopes.slope * column).T, pull[:, :-1])
        - (spread[:, :-1, :] @ design[..., None])[..., 0]
    )
    # E[(z, 1)(z, 1)'] of each cell: the complete-data curvature of (w_g, mu_g).
    lifted = jnp.concatenate([scores, jnp.ones_like(scores, shape=(len(scores), 1))], axis=1)
    score_covariance = covariance.at[:, -1, :].set(0.0).at[:, :, -1].set(0.0)
    moments = lifted[:, :, None] * lifted[:, None, :] + score_covariance
    # At a fixed mean intensity exp(mu + d/2), with which d has little to do.
    in_spread = in_log_noise - 0.5 * mode.d * in_x
    sums = Sums(
        weight=weights.sum(),
        log_marginal=(posterior.log_marginal * weights).sum(),
        mean=(in_x * column).sum(0),
        loadings=in_loadings,
        log_noise=(in_log_noise * column).sum(0),
        curvature=product(weighted.T, pack(moments)),
        noise_expected=0.5 * ((integral.metric(mode) * mode.d) ** 2 * column).sum(0),
        noise_outer=(in_spread**2 * column).sum(0),
        moments=jnp.einsum("b,bij->ij", weights, moments),
    )
    return sums, posterior.cells(latents, decrement, rotation)


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
