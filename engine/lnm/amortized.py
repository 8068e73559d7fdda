"""Cells under an LNM fitted by an autoencoder: by the encoder alone, or refined."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.data import Counts
from engine.fitting.blocks import Blocks, on_device, with_one_more
from engine.fitting.encoding import Gaussian, inputs_of
from engine.lnm import encoder as vae
from engine.lnm import equations, given_scores
from engine.lnm.config import LNMConfig
from engine.lnm.covariates import covariates_of
from engine.lnm.fit import Capture, Fit, Totals
from engine.lnm.passes import Pass, Passes, result_of
from engine.lnm.residual import LOG_NO_NOISE
from engine.lnm.totals import eta_prior

# Draws of z, in pairs of opposite sign, shared by all cells, from a seed of their own.
_PAIRS = 8
_SEED = 2
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


class Encoded(NamedTuple):
    """Arrays over cells: scores (C, k) in the encoder's own basis, their variances, the bound on
    the log-marginal (nats; NaN if not requested), and median and log width of eta.
    """

    scores: np.ndarray
    variance: np.ndarray
    bound: np.ndarray
    eta: np.ndarray
    eta_scale: np.ndarray


class Basis(NamedTuple):
    """Parameters with loadings in the encoder's own basis, and the rotation to that of the fit.

    ``effects`` (G, p) are those of covariates; None without any.
    """

    params: equations.Params
    rotation: np.ndarray
    effects: np.ndarray | None = None


def basis_of(fit: Fit) -> Basis:
    """The basis of a fit that has an encoder."""
    rotation = np.asarray(fit.encoder["rotation"], float)
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    params = equations.Params(fit.mean_clr, fit.loadings @ rotation.T, log_noise)
    return Basis(params, rotation, None if fit.design is None else fit.effects)


def place(
    basis: Basis,
    counts: Counts,
    config: LNMConfig,
    encoder: dict[str, Any],
    totals: Totals,
    *,
    refine: bool,
    covariates: np.ndarray | None = None,
    summed: bool = False,
) -> tuple[Pass, Capture | None]:
    """The posterior of each cell, and its capture efficiency by the encoder (None for LNM).

    Not refined: means and standard deviations of the encoder's density q, and as log-marginal the
    evidence lower bound ``E_q[log p(u | z)] - KL(q || p)``. Refined: modes, standard deviations and
    log-marginals of the nested Laplace approximation, as by ``inference="laplace"``.

    Parameters
    ----------
    covariates
        (C, p) of the cells; None if the basis has no effects.
    summed
        Whether a refining pass also returns its sums over the cells.
    """
    encoded = encode(
        basis, counts, config, encoder, totals, bounded=not refine, covariates=covariates
    )
    own = capture_of(encoded.eta, encoded.eta_scale) if config.capture else None
    if not refine:
        scores_sd = np.sqrt(encoded.variance @ basis.rotation**2)
        latents = equations.Latents(encoded.scores, np.full(counts.n_cells, np.nan))
        return Pass(None, latents, scores_sd, encoded.bound, np.zeros(counts.n_cells)), own
    return refined(basis, counts, config, encoded.scores, covariates, summed=summed), own


def refined(
    basis: Basis,
    counts: Counts,
    config: LNMConfig,
    scores: np.ndarray,
    covariates: np.ndarray | None,
    *,
    summed: bool,
) -> Pass:
    """A pass of nested Laplace that starts from scores (C, k)."""
    size = scores.shape[1]
    passes = Passes(
        counts, size, config.precision, config.block_cells, scores, covariates=covariates
    )
    volume = np.zeros((size, size)) if summed else None
    return result_of(passes.run(basis.params, basis.rotation, volume, basis.effects))


def encode(
    basis: Basis,
    counts: Counts,
    config: LNMConfig,
    encoder: dict[str, Any],
    totals: Totals,
    *,
    bounded: bool,
    covariates: np.ndarray | None = None,
) -> Encoded:
    """Every cell by the encoder alone; with its bound if ``bounded``."""
    params = basis.params
    anchor = eta_prior(counts, config, totals)[0] if config.capture else np.zeros(counts.n_cells)
    noise = draws(params.loadings.shape[1])
    single = equations.Params(*map(on_device, params))
    effects = _single(basis.effects)
    arrays = {name: on_device(value) for name, value in encoder.items()}
    parts = []
    for block in Blocks(counts, config.block_cells, keep=False):
        near = on_device(block.padded(anchor[:, None]))
        own = None if covariates is None else block.padded(covariates)
        outputs = _block(single, block.counts, near, arrays, noise, bounded, own, effects)
        size = block.own.stop - block.own.start
        part = [np.asarray(array)[:size].astype(float) for array in outputs]
        part[2] += equations.constants(np.asarray(block.counts)[:size]) if bounded else np.nan
        parts.append(part)
    return Encoded(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def proportions(fit: Fit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
    """Posterior mean proportions of each cell by the encoder alone, block by block."""
    basis = basis_of(fit)
    noise = draws(fit.n_factors)
    covariates, effects = covariates_of(fit.design, counts.obs), _single(basis.effects)
    params = equations.Params(*map(on_device, basis.params))
    arrays = {name: on_device(value) for name, value in fit.encoder.items()}
    for block in Blocks(counts, keep=False):
        # Padding without counts has no mode; it gets one count.
        dense = with_one_more(block.counts, 1 - np.asarray(block.weights))
        own = None if covariates is None else block.padded(covariates)
        means = _expected(params, dense, arrays, noise, own, effects)
        yield block.own, np.asarray(means)[: block.own.stop - block.own.start]


def _single(effects: np.ndarray | None) -> Array | None:
    return None if effects is None else on_device(effects)


def draws(width: int) -> np.ndarray:
    """(n, width) standard normal draws, the same at every call, of mean zero."""
    half = np.asarray(jax.random.normal(jax.random.key(_SEED), (_PAIRS, width)))
    return np.concatenate([half, -half])


def capture_of(eta: np.ndarray, eta_scale: np.ndarray) -> Capture:
    """Moments of eta and of the efficiency exp(-eta) where log eta ~ N(eta, eta_scale^2)."""
    weights = _WEIGHTS / _WEIGHTS.sum()
    values = np.exp(eta[:, None] + eta_scale[:, None] * _NODES)

    def moments(of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = of @ weights
        return mean, np.sqrt(((of - mean[:, None]) ** 2) @ weights)

    return Capture(*moments(values), *moments(np.exp(-values)))


@partial(jax.jit, static_argnames="bounded")
def _block(
    params: equations.Params,
    counts: Float[Array, "B G"],
    anchor: Float[Array, "B 1"],
    encoder: dict[str, Array],
    noise: Float[Array, "n k"],
    bounded: bool,
    covariates: Float[Array, "B p"] | None,
    effects: Float[Array, "G p"] | None,
) -> tuple[Array, ...]:
    inputs = inputs_of(encoder)
    scores, eta = vae.encode(encoder, counts, inputs, anchor, covariates=covariates)
    params = equations.of_cells(params, covariates, effects)
    value = jnp.zeros(len(counts))
    if bounded:
        value = given_scores.bound(params, counts, scores, noise)
    if not len(eta.location):
        eta = Gaussian(value, value)
    return scores.location, scores.scale**2, value, eta.location, eta.scale


@jax.jit
def _expected(
    params: equations.Params,
    counts: Float[Array, "B G"],
    encoder: dict[str, Array],
    noise: Float[Array, "n k"],
    covariates: Float[Array, "B p"] | None,
    effects: Float[Array, "G p"] | None,
) -> Float[Array, "B G"]:
    anchor = jnp.zeros((len(counts), 1))
    inputs = inputs_of(encoder)
    scores, _ = vae.encode(encoder, counts, inputs, anchor, covariates=covariates)
    params = equations.of_cells(params, covariates, effects)
    return given_scores.expected_proportions(params, counts, scores, noise)


def change_basis(
    params: dict[str, Any], mean: Any, sd: Any, slope: Any | None = None
) -> dict[str, Any]:
    """The same decoder and encoder for z' = (z - mean - slope x) / sd, mean and sd of (k,).

    All but the prior of z stays as it is: with the cells' own mean and sd every z' has mean 0
    and variance 1 over the cells, and the bound gains (parameter expansion: Liu, Rubin & Wu 1998).

    Parameters
    ----------
    slope
        (k, p) slope of z in covariates x, which moves into M of ``W (z + M x)``.
    """
    changed = params | {
        "centre": params["centre"] + params["loadings"] @ mean,
        "loadings": params["loadings"] * sd,
        "loadings_log_scale": params["loadings_log_scale"] + np.log(sd),
        "location": params["location"] / sd,
        "location_bias": (params["location_bias"] - mean) / sd,
        "scale_bias": params["scale_bias"] - np.log(sd),
    }
    if slope is None:
        return changed
    return changed | {
        "of_factors": (params["of_factors"] + slope) / sd[:, None],
        "location_by_design": (params["location_by_design"] - slope.T) / sd,
    }
