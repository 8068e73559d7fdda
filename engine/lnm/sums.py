"""Sums over the cells of a pass under the logistic-normal multinomial."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.lnm import equations
from engine.lnm.equations import AnyArray
from engine.lnm.packing import pack, pair_products, pair_weights, product, unpack
from engine.lnm.residual import Integral


class Sums(NamedTuple):
    """Sums of a pass over cells; a monoid under elementwise addition.

    ``mean``, ``loadings``, ``effects`` and ``log_noise`` are gradients of ``log_marginal``;
    ``curvature`` packs each gene's sum of ``-psi'' E[(z, x, 1)(z, x, 1)']``, x the p covariates of
    the cell, if there are any; ``noise_expected`` and ``noise_outer`` are the expected information
    and the summed squared score of log d at fixed mean intensity; ``moments`` sums
    ``E[(z, x, 1)(z, x, 1)']``.
    """

    weight: Float[AnyArray, ""]
    log_marginal: Float[AnyArray, ""]
    mean: Float[AnyArray, "G"]
    loadings: Float[AnyArray, "G k"]
    effects: Float[AnyArray, "G p"]
    log_noise: Float[AnyArray, "G"]
    curvature: Float[AnyArray, "G R"]
    noise_expected: Float[AnyArray, "G"]
    noise_outer: Float[AnyArray, "G"]
    moments: Float[AnyArray, "r r"]


def sums_at_mode(
    params: equations.Params,
    counts: Float[Array, "B G"],
    weights: Float[Array, "B"],
    posterior: equations.Posterior,
    volume: Float[Array, "k k"],
    integral: Integral,
    covariates: Float[Array, "B p"] | None = None,
) -> Sums:
    """Objective, exact gradient and curvature blocks, summed over the cells of a block.

    The gradient includes the dependence of the mode on the parameters. With the leverages
    ``L_g = v_g' J^-1 v_g`` and ``p = J^-1 V' (L psi3 / 2)``, psi3 the third derivative, the
    derivatives of the mode and of log det J are those of ``psi + (v_g'p) psi' + L_g psi'' / 2``
    with p and L held fixed.

    The gradient is that of ``log p(u) - tr(Q E[zz']) / 2``; the second term is the volume of the
    posterior of W. Q enters as ``J^-1 - J^-1 Q J^-1`` in place of ``J^-1`` in L, and as a pull
    ``-Q z`` on the mode.

    Parameters
    ----------
    params
        Parameters of the cells, see `equations.of_cells`.
    weights
        Weight of each cell: 1, or 0 for the padding of a last block and for a lost cell.
    volume
        Q above, per cell; zero for the gradient of the log-marginal alone.
    covariates
        x of the cells; None if there are none.
    """
    mode, covariance, scores = posterior.mode, posterior.covariance, posterior.latents.scores
    slopes = integral.slopes(mode)
    design = equations.design_of(params)
    padded = jnp.pad(volume, ((0, 1), (0, 1)))
    answer = covariance - covariance @ padded @ covariance
    leverage = product(pack(answer) * pair_weights(design.shape[1]), pair_products(design).T)
    by_leverage = jax.lax.optimization_barrier(-0.5 * leverage * slopes.curvature_x)
    pull = product(by_leverage, design)
    pull = pull.at[:, :-1].add(-scores @ volume)
    pull = (covariance @ pull[..., None])[..., 0]
    along = product(pull, design.T)

    in_x = posterior.slope - along * posterior.curvature + by_leverage
    in_log_noise = jax.lax.optimization_barrier(
        slopes.log_d + along * slopes.slope_log_d - 0.5 * leverage * slopes.curvature_log_d
    )
    # At a fixed mean intensity exp(mu + d/2), which hardly depends on d.
    in_spread = in_log_noise - 0.5 * mode.d * in_x
    # E[(z, x, 1)(z, x, 1)'] of each cell: the complete-data curvature of (w_g, b_g, mu_g).
    width, more = scores.shape[1], 0 if covariates is None else covariates.shape[1]
    ones = jnp.ones_like(scores, shape=(len(scores), 1))
    known = ones if covariates is None else jnp.concatenate([covariates, ones], axis=1)
    lifted = jnp.concatenate([scores, known], axis=1)
    spread_of_scores = covariance[:, :-1, :-1]
    own = scores[:, :, None] * scores[:, None, :] + spread_of_scores
    across = [scores[:, j : j + 1] * known for j in range(width)]
    pairs = jnp.concatenate([pack(own), *across, pair_products(known)], axis=1)

    # Sums over cells are matrix products: XLA would recompute the inputs of other sums.
    column = weights[:, None]
    in_design = product(in_x.T, lifted * column)
    of_pairs = product(
        posterior.curvature.T, jnp.concatenate([pack(answer), pairs], axis=1) * column
    )
    spread, curvature = jnp.split(of_pairs, [design.shape[1] * (design.shape[1] + 1) // 2], axis=1)
    in_loadings = (
        in_design[:, :width]
        + product(posterior.slope.T, pull[:, :-1] * column)
        - (unpack(spread)[:, :-1, :] @ design[..., None])[..., 0]
    )
    return Sums(
        weight=weights.sum(),
        log_marginal=(posterior.log_marginal * weights).sum(),
        mean=in_design[:, -1],
        loadings=in_loadings,
        effects=in_design[:, width:-1],
        log_noise=product(weights, in_log_noise),
        curvature=_packed(curvature, width, more),
        noise_expected=0.5 * product(weights, (integral.metric(mode) * mode.d) ** 2),
        noise_outer=product(weights, in_spread**2),
        moments=product(lifted.T, lifted * column)
        + jnp.pad(jnp.einsum("b,bij->ij", weights, spread_of_scores), (0, more + 1)),
    )


def _packed(parts: Float[Array, "G R"], width: int, more: int) -> Float[Array, "G R"]:
    """Packed blocks of (z, x, 1) from columns of z z', of z (x, 1)', and of (x, 1)(x, 1)'."""
    size, of_scores, across = width + more + 1, width * (width + 1) // 2, width * (more + 1)
    place = np.zeros((size, size), int)
    place[np.triu_indices(width)] = np.arange(of_scores)
    place[:width, width:] = of_scores + np.arange(across).reshape(width, more + 1)
    rows, columns = np.triu_indices(more + 1)
    place[width + rows, width + columns] = of_scores + across + np.arange(len(rows))
    return parts[:, place[np.triu_indices(size)]]
