"""The Laplace approximation of cells under a saved LNM: what both kinds of checks draw from."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.data import Counts
from engine.fitting.blocks import Block, Blocks
from engine.lnm import equations
from engine.lnm.fit import Fit
from engine.lnm.residual import LOG_NO_NOISE, Integral

# Newton decrements, posterior standard deviations: sought, and failed above.
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
        (B,) less `lnm.constants`.
    lost
        (B,) mask of the cells whose mode or curvature there was not found.
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
    return equations.Params(*(jnp.asarray(array, jnp.float32) for array in arrays))


def parameters_of(
    params: equations.Params, fit: Fit, block: Block, covariates: np.ndarray | None
) -> equations.Params:
    """The parameters of the cells of a block, given the covariates (C, p) of all cells."""
    if covariates is None:
        return params
    effects = jnp.asarray(fit.effects, jnp.float32)
    return equations.of_cells(params, jnp.asarray(block.padded(covariates)), effects)


def block_cells(counts: Counts) -> int:
    """How many cells of a data set are placed at a time: one compilation serves all that do so."""
    return Blocks(counts, keep=False).rows


def posteriors(
    params: equations.Params, counts: Float[Array, "B G"], integral: Integral
) -> Posteriors:
    """Of cells with at least one count each; one compilation for each shape."""
    found = [np.array(array) for array in _at_modes(params, counts, integral)]
    centre, root, x, residual, t, log_marginal, decrement = found
    flat = ~np.isfinite(root).all((1, 2))
    root[flat] = 0
    lost = flat | ~(decrement < _FAILED)
    return Posteriors(centre, root, x, residual, t, log_marginal, lost)


@partial(jax.jit, static_argnames="integral")
def _at_modes(
    params: equations.Params, counts: Float[Array, "B G"], integral: Integral
) -> tuple[Array, ...]:
    start = equations.cold_start(params, counts.sum(1))
    found = equations.find_posterior(
        params, counts, start, integral, tolerance=_TOLERANCE, max_steps=_MOST_STEPS
    )
    mode, latents = found.mode, found.latents
    centre = jnp.concatenate([latents.scores, latents.intensity[:, None]], axis=1)
    root = jnp.linalg.cholesky(found.covariance)
    x = mode.log_rate - mode.residual
    return centre, root, x, mode.residual, mode.t, found.log_marginal, found.decrement
