"""Initial parameters for the training of an encoder: from a spectral start or an earlier fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from engine.data import Counts
from engine.fitting import encoding
from engine.lnm import encoded_effects, equations
from engine.lnm import encoder as vae
from engine.lnm.config import LNMConfig
from engine.lnm.covariates import covariates_of
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.fit import Fit
from engine.lnm.prior import Prior
from engine.lnm.spectral import effects_start, spectral_start

# Cells that determine the decoder's start, and the scale of the inputs.
_START_CELLS = 10_000
_SCALE_CELLS = 2000
# Cells whose constants are summed at a time.
_AT_ONCE = 2000


@dataclass(frozen=True)
class Known:
    """Known before training: which genes have residuals (G,), the design of covariates, if there is
    one, and location and sd of an average cell's eta with LNMVCP.
    """

    has_noise: np.ndarray
    design: Design | None
    eta: tuple[float, float] | None


def sum_of_constants(counts: Counts, cells: np.ndarray) -> float:
    """Sum of the constant terms of the cells' log-likelihoods, nats; ``cells`` ascend."""
    total = 0.0
    for start in range(0, counts.n_cells, _AT_ONCE):
        stop = min(start + _AT_ONCE, counts.n_cells)
        own = cells[slice(*np.searchsorted(cells, (start, stop)))] - start
        total += float(equations.constants(counts.block(start, stop))[own].sum())
    return total


def start_of(counts: Counts, config: LNMConfig, known: Known, start: Fit | None) -> dict[str, Any]:
    """Initial parameters: from the spectral start, or from an earlier fit."""
    held = counts
    if counts.n_cells > _START_CELLS or counts.matrix() is None:
        rng = np.random.default_rng(config.seed)
        size = min(_START_CELLS, counts.n_cells)
        held = counts.take(np.sort(rng.choice(counts.n_cells, size, replace=False)))
    covariates = covariates_of(known.design, held.obs)
    rotation = np.eye(config.size)
    if start is None:
        centre, loadings, _ = spectral_start(held, config.size, config.seed, covariates)
        effects = effects_start(held, covariates)
        log_noise = np.full(counts.n_genes, Prior.start(config).noise_location)
    else:
        rotation = np.asarray(start.encoder.get("rotation", rotation), float)
        location = Prior.start(config).resume(start.prior).noise_location
        noise = np.where(start.noise > 0, start.noise, np.exp(location))
        centre = start.mean_clr + 0.5 * np.where(known.has_noise, noise, 0.0)
        loadings, log_noise = start.loadings @ rotation.T, np.log(noise)
        effects = start.effects
    params: dict[str, Any] = {"centre": centre, "loadings": loadings, "log_noise": log_noise}
    if start is not None and start.encoder:
        params |= _encoder_of(start, known)
        if known.design is not None:
            params["remainder"] = effects - loadings @ params["of_factors"]
    else:
        information = _information(counts, centre, log_noise)
        params |= _widths(information, loadings, log_noise, counts.n_cells)
        params |= _encoder(held, config, known)
        if known.design is not None and covariates is not None:
            prior = EffectsPrior.start(known.design, counts.n_genes)
            if start is not None:
                prior = EffectsPrior.from_dict(start.prior["effects"])
            squares = (covariates.astype(float) ** 2).mean(0)
            params |= encoded_effects.started(
                prior, loadings, effects, counts.n_cells * information, squares
            )
    return {name: jnp.asarray(value, jnp.float32) for name, value in params.items()}


def _information(counts: Counts, centre: np.ndarray, log_noise: np.ndarray) -> np.ndarray:
    """(G,) information of a cell with the mean composition on each gene's log intensity."""
    shares = np.exp(centre - centre.max())
    rate = counts.totals.mean() * shares / shares.sum()
    return np.asarray(rate / (1 + np.exp(log_noise) * rate))


def _widths(
    known: np.ndarray, loadings: np.ndarray, log_noise: np.ndarray, n_cells: int
) -> dict[str, np.ndarray]:
    """Initial widths of the guide of loadings and log d."""
    noise = np.exp(log_noise)
    of_loadings = 1 / (1 + n_cells * known)
    of_noise = 1 / (1 + 0.5 * n_cells * (noise * known) ** 2)
    return {
        "loadings_log_scale": np.repeat(np.log(of_loadings)[:, None] / 2, loadings.shape[1], 1),
        "log_noise_log_scale": np.log(of_noise) / 2,
    }


def _encoder_of(start: Fit, known: Known) -> dict[str, Any]:
    """The encoder of an earlier fit, with heads of eta if the model has eta."""
    encoder = {name: value for name, value in start.encoder.items() if name != "rotation"}
    if known.eta is None:
        return {name: value for name, value in encoder.items() if not name.startswith("eta_")}
    return vae.init_heads(encoder, known.eta) | encoder


def _encoder(held: Counts, config: LNMConfig, known: Known) -> dict[str, Any]:
    inputs = encoding.input_scale(held.block(0, min(_SCALE_CELLS, held.n_cells)))
    key = jax.random.key(config.seed)
    prior = np.zeros(config.size)
    encoder = encoding.init_encoder(key, held.n_genes, config.hidden, prior)
    encoder = vae.init_heads(encoder, known.eta)
    if known.design is not None:
        columns = len(known.design.columns)
        encoder["input_by_design"] = np.zeros((columns, config.hidden), np.float32)
        encoder["location_by_design"] = np.zeros((columns, config.size), np.float32)
    scale = {encoding.INPUT + name: value for name, value in inputs._asdict().items()}
    return encoder | scale
