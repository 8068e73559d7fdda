"""Information on the global parameters, summed over the cells in one pass.

For the loadings and log mean intensity (w_g, mu_g + d_g/2) of each gene, and for log d_g: the
information of complete data, ``kappa (z, 1)(z, 1)'`` with kappa = -psi'', less what is missing
because z is unknown (Louis 1982). With the leverage ``L = v_g' J^-1 v_g`` of the gene on the cell's
latents that leaves

    I_g = sum_c kappa (1 - kappa L) (z, 1)(z, 1)',       i_g = sum_c (kappa (1 - kappa L) d)^2 / 2

at the posterior modes z, other genes held fixed. These blocks leave out how much the scores of the
cells vary: W -> W (I + A), A symmetric, for all genes at once. There the score of a cell is
``E[zz'] - I`` and the information ``2 tr A^2 - var(z'Az)``, z from the cell's posterior.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.lnm import equations
from engine.lnm.covariates import covariates_of
from engine.lnm.equations import AnyArray
from engine.lnm.outer_steps import integral_for
from engine.lnm.packing import pack, pair_products, pair_weights, product
from engine.lnm.posteriors import parameters, parameters_of
from engine.lnm.residual import Integral
from engine.results import Fit

_TOLERANCE = 1e-3
_MOST_STEPS = 40


class Information(NamedTuple):
    """Sums over cells; q = k + 1, P and p pairs of q and k.

    Attributes
    ----------
    cells
        How many cells were summed.
    genes
        (G, P) packed I_g above.
    noise
        (G,) i_g above.
    moments, squares
        (p,) sum of ``E[zz']`` and (p, p) of its products, packed.
    spread
        (k, k, k, k) sum of ``cov(z_a z_b, z_c z_d)`` of the cells' posteriors.
    """

    cells: Float[AnyArray, ""]
    genes: Float[AnyArray, "G P"]
    noise: Float[AnyArray, "G"]
    moments: Float[AnyArray, "p"]
    squares: Float[AnyArray, "p p"]
    spread: Float[AnyArray, "k k k k"]


def information(fit: Fit, counts: Counts) -> Generator[float, None, Information]:
    """One pass over the cells; yields the share of it that is done.

    Parameters
    ----------
    counts
        Of the fit's features, in the fit's order; cells without counts add nothing.
    """
    params = parameters(fit)
    covariates = covariates_of(fit.design, counts.obs)
    integral = integral_for(fit)
    scores = np.zeros((counts.n_cells, fit.n_factors), np.float32)
    position = fit.cells.get_indexer(counts.cells)
    scores[position >= 0] = fit.scores[position[position >= 0]]
    total: Information | None = None
    for block in Blocks(counts, fit.config.block_cells, keep=False, width=4):
        own = parameters_of(params, fit, block, covariates)
        sums = _block(own, block.counts, block.weights, block.padded(scores), integral)
        part = Information(*(np.asarray(array, np.float64) for array in sums))
        total = part if total is None else Information(*map(np.add, total, part))
        yield block.own.stop / counts.n_cells
    if total is None:
        raise ValueError("counts have at least one cell")
    return total


@partial(jax.jit, static_argnames="integral")
def _block(
    params: equations.Params,
    counts: Float[AnyArray, "B G"],
    weights: Float[AnyArray, "B"],
    scores: Float[AnyArray, "B k"],
    integral: Integral,
) -> Information:
    start = equations.cold_start(params, counts.sum(1))._replace(scores=scores)
    posterior = equations.find_posterior(
        params, counts, start, integral, tolerance=_TOLERANCE, max_steps=_MOST_STEPS
    )
    latents = posterior.latents
    known = jnp.isfinite(posterior.decrement) & (counts.sum(1) > 0)
    column = jnp.where(known, weights, 0)[:, None]
    design = equations.design_of(params)
    size = design.shape[1]
    leverage = product(pack(posterior.covariance) * pair_weights(size), pair_products(design).T)
    kappa = integral.metric(posterior.mode)
    left = kappa * jnp.clip(1 - kappa * leverage, 0, 1)
    lifted = jnp.concatenate([latents.scores, jnp.ones_like(column)], axis=1)
    spread = posterior.covariance[:, :-1, :-1]
    outer = latents.scores[:, :, None] * latents.scores[:, None, :]
    moments = pack(outer + spread)
    flat = spread.reshape(len(spread), -1) * column
    # cov(z_a z_b, z_c z_d) = V_ac V_bd + V_ad V_bc + m_a m_c V_bd + m_a m_d V_bc + ...: the first
    # and third of these by one matrix product, the others by symmetry.
    half = product((0.5 * spread + outer).reshape(flat.shape).T, flat)
    width = size - 1
    half = half.reshape(width, width, width, width).transpose(0, 2, 1, 3)
    half = half + half.transpose(1, 0, 3, 2)
    return Information(
        cells=column.sum(),
        genes=product((left * column).T, pair_products(lifted)),
        noise=0.5 * ((left * posterior.mode.d) ** 2 * column).sum(0),
        moments=(moments * column).sum(0),
        squares=product((moments * column).T, moments),
        spread=half + half.transpose(0, 1, 3, 2),
    )
