"""Amortized LNM and LNMVCP: NumPyro model and guide, and the heads of the encoder.

    z_c ~ N(0, I_k),  w_g ~ N(0, diag(s^2)),  log d_g ~ N(m, t^2),
    u_c | z_c: `engine.lnm.given_scores`, residuals integrated, x = mu + W z
    LNMVCP also:  eta_c ~ TruncNormal(a_c, sigma^2, low=0),  N_c ~ NB(M exp(-eta_c), r)

The guide has independent normals for every z_cj, from the encoder; for every loading; and for
every log d. Loadings are integrated, not maximised: a mode of W alone would shrink all loadings
jointly, and z would compensate. The mean has a flat prior and is the parameter
``centre = mu + d / 2``, the log mean intensity, which hardly depends on d. eta's guide is
log-normal, its median and width from the encoder.

The totals' parameters M, r, a and sigma are not learned here but given: in the likelihood the
counts' composition and their total are separate.

With covariates the mean of a cell is ``mu + B x_c``, see `engine.lnm.encoded_effects`, and the
encoder takes x_c as input: in its first layer, and linearly in the location of z, so that a slope
of z in x can be moved into B without a change of the likelihood.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float
from numpyro import handlers

from engine.fitting import encoding
from engine.fitting.encoding import Gaussian, Inputs, Phase
from engine.lnm import encoded_effects
from engine.lnm.encoded_effects import EFFECTS, EffectsSetting
from engine.lnm.given_scores import log_likelihood, log_likelihood_low_rank
from engine.lnm.packing import product
from engine.lnm.residual import LOG_NO_NOISE, NARROW

# Names of the mean, and of the guides of the loadings and of log d.
DECODER = ("centre", "loadings", "loadings_log_scale", "log_noise", "log_noise_log_scale")
# Units of the layer that eta is read from, and the seed of its start.
_ETA_UNITS, _SEED = 8, 0
# Largest absolute logarithm of a standard deviation.
_MOST_FREE = 9.0
_LARGEST = math.log(NARROW.max_noise)


class Totals(NamedTuple):
    """M, the mean total at efficiency 1, r, and the sd of eta's prior, of all cells or of each."""

    mean: Float[Array, "..."]
    concentration: Float[Array, "..."]
    eta_scale: Float[Array, "..."]


class Setting(NamedTuple):
    """The arguments of a step beside its cells.

    Attributes
    ----------
    loadings_scale
        (k,) prior standard deviation s of each column of W.
    noise
        Prior m and t of log d.
    has_noise
        (G,) mask of the genes whose d is learned.
    inputs
        Scale of the encoder's inputs.
    totals
        For LNMVCP; not used otherwise.
    n_batches
        Number of minibatches that make up all cells.
    unit
        Weight of the whole bound: one over all counts makes it nats per count.
    effects
        Priors of the effects of covariates; None without any.
    """

    loadings_scale: Float[Array, "k"]
    noise: Gaussian
    has_noise: Bool[Array, "G"]
    inputs: Inputs
    totals: Totals
    n_batches: Float[Array, ""]
    unit: Float[Array, ""]
    effects: EffectsSetting | None = None


# Counts (B, G), alone or with columns beside: for LNMVCP the location of eta's prior (B, 1); with
# covariates these (B, p), and for LNMVCP before them location, M, r and sd (B, 4) of each cell.
Cells = Any


class _Batch(NamedTuple):
    """A minibatch: counts, location of eta's prior (B, 1), the totals' law, and covariates."""

    counts: Array
    anchor: Array
    totals: Totals
    covariates: Array | None


def _batch_of(cells: Cells, setting: Setting, capture: bool) -> _Batch:
    counts, beside = cells if isinstance(cells, tuple) else (cells, jnp.zeros((len(cells), 1)))
    if setting.effects is None:
        return _Batch(counts, beside, setting.totals, None)
    if not capture:
        return _Batch(counts, jnp.zeros((len(counts), 1)), setting.totals, beside)
    totals = Totals(beside[:, 1], beside[:, 2], beside[:, 3])
    return _Batch(counts, beside[:, :1], totals, beside[:, 4:])


def model(
    cells: Cells,
    meant: Bool[Array, "B"],
    setting: Setting,
    phase: Phase,
    *,
    start: dict[str, Array],
    residuals: bool,
    capture: bool,
    **_: Any,
) -> None:
    """The joint density of a minibatch and the decoder, weighted to stand for all cells.

    Parameters
    ----------
    meant
        False for cells that only fill the minibatch.
    residuals
        Whether any gene has a residual: d_mode "learned".
    capture
        Whether totals have a capture latent: LNMVCP.
    """
    counts, anchor, totals, covariates = _batch_of(cells, setting, capture)
    width = len(setting.loadings_scale)
    mean = phase.hold(numpyro.param("centre", start["centre"]))
    of_factors = remainder = None
    with handlers.scale(scale=setting.unit):
        if setting.effects is not None:
            of_factors = encoded_effects.slopes(start, setting.effects, phase)
        with numpyro.plate("gene", counts.shape[1]):
            spread = dist.Normal(jnp.zeros(width), setting.loadings_scale)
            loadings = numpyro.sample("loadings_of_genes", spread.to_event(1))
            if residuals:
                with handlers.mask(mask=setting.has_noise):
                    log_noise = numpyro.sample("log_noise_of_genes", dist.Normal(*setting.noise))
                bounded = jnp.minimum(log_noise, _LARGEST)
                log_noise = jnp.where(setting.has_noise, bounded, LOG_NO_NOISE)
                mean = mean - 0.5 * jnp.exp(log_noise)
            if setting.effects is not None:
                remainder = encoded_effects.drawn(setting.effects)
        with (
            numpyro.plate("cell", len(counts)),
            handlers.scale(scale=setting.n_batches),
            handlers.mask(mask=meant),
        ):
            with handlers.scale(scale=phase.divergence):
                scores = numpyro.sample("scores", dist.Normal(jnp.zeros(width), 1.0).to_event(1))
            if covariates is None or of_factors is None or remainder is None:
                x = product(scores, loadings.T) + mean
            else:
                known = scores, covariates, loadings, of_factors, remainder
                x = encoded_effects.predicted(*known) + mean
            log_densities = log_likelihood(x, log_noise, counts) if residuals else None
            log_densities = (
                log_likelihood_low_rank(x, counts) if log_densities is None else log_densities
            )
            numpyro.factor("counts", log_densities)
            if capture:
                prior = dist.TruncatedNormal(anchor[:, 0], totals.eta_scale, low=0.0)
                eta = numpyro.sample("eta", prior)
                mean_total = totals.mean * jnp.exp(-eta)
                law = dist.NegativeBinomial2(mean_total, totals.concentration)
                numpyro.sample("totals", law, obs=counts.sum(1))


def guide(
    cells: Cells,
    meant: Bool[Array, "B"],
    setting: Setting,
    phase: Phase,
    *,
    start: dict[str, Array],
    dropout: float,
    residuals: bool,
    capture: bool,
) -> None:
    """The approximate posterior: `encode` for the cells, one normal for each loading and log d.

    Parameters
    ----------
    start
        Initial values of the parameters: those of `DECODER`, and of the encoder.
    """
    counts, anchor, _, covariates = _batch_of(cells, setting, capture)
    decoder = DECODER + EFFECTS
    encoder = {
        name: numpyro.param(name, value) for name, value in start.items() if name not in decoder
    }

    def of_decoder(name: str) -> Gaussian:
        location = phase.hold(numpyro.param(name, start[name]))
        log_scale = phase.hold(numpyro.param(f"{name}_log_scale", start[f"{name}_log_scale"]))
        return Gaussian(location, jnp.exp(log_scale))

    # All are registered, used or not, so that a fit always has them.
    loadings, log_noise = of_decoder("loadings"), of_decoder("log_noise")
    key = numpyro.prng_key() if dropout > 0 else None
    scores, eta = encode(encoder, counts, setting.inputs, anchor, dropout, key, covariates)
    remainder = None if setting.effects is None else of_decoder("remainder")
    with handlers.scale(scale=setting.unit):
        with numpyro.plate("gene", counts.shape[1]):
            numpyro.sample("loadings_of_genes", dist.Normal(*loadings).to_event(1))
            if residuals:
                with handlers.mask(mask=setting.has_noise):
                    numpyro.sample("log_noise_of_genes", dist.Normal(*log_noise))
            if remainder is not None:
                numpyro.sample("remainder_of_genes", dist.Normal(*remainder).to_event(1))
        with (
            numpyro.plate("cell", len(counts)),
            handlers.scale(scale=setting.n_batches),
            handlers.mask(mask=meant),
        ):
            with handlers.scale(scale=phase.divergence):
                numpyro.sample("scores", dist.Normal(*scores).to_event(1))
            if capture:
                numpyro.sample("eta", dist.LogNormal(*eta))


def init_heads(encoder: dict[str, Any], prior: tuple[float, float] | None) -> dict[str, Any]:
    """An encoder of `encoding.init_encoder` with the heads of this model added.

    The precision of z grows with a cell's total, which is one input of thousands; so it enters
    the scales directly as well. eta has a small layer of its own, on the log total and the
    location of its prior: the composition has no information on it, and thousands of genes would
    drown the total. Its heads start at the prior of an average cell (location and standard
    deviation); None without capture.
    """
    width = encoder["scale"].shape[1]
    added = {**encoder, "scale_by_size": np.zeros(width, np.float32)}
    if prior is not None:
        anchor, sd = prior
        middle = max(anchor, 0.1)
        added |= {
            "eta_input": jax.random.normal(jax.random.key(_SEED), (2, _ETA_UNITS)),
            "eta_heads": jnp.zeros((_ETA_UNITS + 2, 2)),
            "eta_bias": jnp.log(jnp.array([middle, min(sd / middle, 1.0)])),
            "eta_anchor": jnp.float32(anchor),
        }
    return added


def encode(
    encoder: dict[str, Array],
    counts: Float[Array, "B G"],
    inputs: Inputs,
    anchor: Float[Array, "B 1"],
    dropout: float = 0.0,
    key: Array | None = None,
    covariates: Float[Array, "B p"] | None = None,
) -> tuple[Gaussian, Gaussian]:
    """q(z) of each cell, (B, k) normals, and q(log eta), (B,) normals (empty without capture)."""
    units = encoding.hidden_units(encoder, counts, inputs, dropout, key, covariates)
    size = encoding.size_of(counts, inputs)
    location = units @ encoder["location"] + encoder["location_bias"]
    if covariates is not None:
        location = location + covariates @ encoder["location_by_design"]
    free = units @ encoder["scale"] + size * encoder["scale_by_size"] + encoder["scale_bias"]
    scores = Gaussian(location, _width(free))
    if "eta_heads" not in encoder:
        return scores, Gaussian(units[:, 0][:0], units[:, 0][:0])
    centre = jax.lax.stop_gradient(encoder["eta_anchor"])
    known = jnp.concatenate([size, anchor - centre], 1)
    known = jnp.concatenate([known, jnp.tanh(known @ encoder["eta_input"])], 1)
    heads = known @ encoder["eta_heads"] + encoder["eta_bias"]
    return scores, Gaussian(heads[:, 0], _width(heads[:, 1]))


def _width(free: Array) -> Array:
    """A standard deviation; an exponential, so that a change of its unit only shifts a bias."""
    return jnp.exp(jnp.clip(free, -_MOST_FREE, _MOST_FREE))
