"""The Laplace approximation of cells under a saved LNM, from which the checks draw."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.data import Counts
from engine.fitting.blocks import Block, Blocks, on_device
from engine.lnm import equations
from engine.lnm.fit import Fit
from engine.lnm.residual import LOG_NO_NOISE, Integral

# Newton decrements, posterior standard deviations: the target, and the limit of failure.
_TOLERANCE = 1e-3
_FAILED = 1e-2
_MOST_STEPS = 40


class Posteriors(NamedTuple):
    """Gaussians of (z, lambda) at the modes of B cells, and the genes' residuals there.

    Attributes
    ----------
    centre, root
        (B, k + 1) modes and (B, k + 1, k + 1) Cholesky factors of the covariances; zero for a
        cell whose curvature has none.
    x, residual, t
        (B, G) log intensity without residual, mode of the residual, d times the intensity.
    log_marginal
        (B,) log-marginals less `lnm.constants`.
    lost
        (B,) mask of the cells without a converged mode or a valid curvature there.
    """

    centre: np.ndarray
    root: np.ndarray
    x: np.ndarray
    residual: np.ndarray
    t: np.ndarray
    log_marginal: np.ndarray
    lost: np.ndarray


def parameters(fit: Fit) -> equations.Params:
    """The model's parameters in single precision."""
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    arrays = (fit.mean_clr, fit.loadings, log_noise)
    return equations.Params(*map(on_device, arrays))


def parameters_of(
    params: equations.Params, fit: Fit, block: Block, covariates: np.ndarray | None
) -> equations.Params:
    """The parameters of the cells of a block, given the covariates (C, p) of all cells."""
    if covariates is None:
        return params
    return equations.of_cells(params, on_device(block.padded(covariates)), on_device(fit.effects))


def block_cells(counts: Counts) -> int:
    """Number of cells of a data set to place at a time, the same everywhere for one compilation."""
    return Blocks(counts, keep=False).rows


def posteriors(
    params: equations.Params, counts: Float[Array, "B G"], integral: Integral
) -> Posteriors:
    """Posteriors of cells with at least one count each; one compilation for each shape."""
    arrays = [np.array(array) for array in _at_modes(params, counts, integral)]
    centre, root, x, residual, t, log_marginal, decrement = arrays
    flat = ~np.isfinite(root).all((1, 2))
    root[flat] = 0
    lost = flat | ~(decrement < _FAILED)
    return Posteriors(centre, root, x, residual, t, log_marginal, lost)


@partial(jax.jit, static_argnames="integral")
def _at_modes(
    params: equations.Params, counts: Float[Array, "B G"], integral: Integral
) -> tuple[Array, ...]:
    start = equations.cold_start(params, counts.sum(1))
    posterior = equations.find_posterior(
        params, counts, start, integral, tolerance=_TOLERANCE, max_steps=_MOST_STEPS
    )
    mode, latents = posterior.mode, posterior.latents
    centre = jnp.concatenate([latents.scores, latents.intensity[:, None]], axis=1)
    root = jnp.linalg.cholesky(posterior.covariance)
    x = mode.log_rate - mode.residual
    return centre, root, x, mode.residual, mode.t, posterior.log_marginal, posterior.decrement
