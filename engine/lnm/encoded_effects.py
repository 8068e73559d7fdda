"""Effects of covariates in the training of an encoder: their part of the density and the guide.

    B = W M + R,   r_gj ~ N(0, tau_gj^2),   M as in `engine.lnm.effects_prior`

R has a mean-field posterior, an independent normal for every gene and column, like loadings and
log d, and the scales of its prior are learned from it after every epoch, like theirs. M is
maximised: it is a slope of z in the covariates, ``W z + B x = W (z + M x) + R x``, which all cells
determine jointly. As R is integrated, genes of few counts have hardly any effect; as M is free, the
bound is largest where scores have no covariance with fixed columns.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Float

from engine.fitting.encoding import Phase, divergence
from engine.lnm.design import Design
from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.packing import product

# Names of M, and of R and the width of its guide, among the parameters of a training.
EFFECTS = ("of_factors", "remainder", "remainder_log_scale")
# Steps of EM of the priors' scales: M needs those of random effects, which need M.
_ROUNDS = 3


class EffectsSetting(NamedTuple):
    """Standard deviations of the priors of R (G, p) and of M (p,)."""

    remainder: Float[Array, "G p"]
    of_factors: Float[Array, "p"]


def setting_of(prior: EffectsPrior, n_genes: int) -> EffectsSetting:
    """The priors, as arguments of a step of the training."""
    scales = prior.precision(n_genes) ** -0.5, prior.of_factors_precision() ** -0.5
    return EffectsSetting(*(jnp.asarray(scale, jnp.float32) for scale in scales))


def slopes(start: dict[str, Array], setting: EffectsSetting, phase: Phase) -> Float[Array, "k p"]:
    """M, with its prior density: for the model, outside of its plates."""
    of_factors: Array = phase.hold(numpyro.param("of_factors", start["of_factors"]))
    numpyro.factor(
        "prior_of_factors", dist.Normal(0.0, setting.of_factors).log_prob(of_factors).sum()
    )
    return of_factors


def drawn(setting: EffectsSetting) -> Float[Array, "G p"]:
    """R from its prior: for the model, in its plate of genes."""
    spread = dist.Normal(jnp.zeros_like(setting.remainder), setting.remainder)
    remainder: Array = numpyro.sample("remainder_of_genes", spread.to_event(1))
    return remainder


def predicted(
    scores: Float[Array, "B k"],
    covariates: Float[Array, "B p"],
    loadings: Float[Array, "G k"],
    of_factors: Float[Array, "k p"],
    remainder: Float[Array, "G p"],
) -> Float[Array, "B G"]:
    """W z + B x of each cell."""
    along = product(scores + product(covariates, of_factors.T), loadings.T)
    return along + product(covariates, remainder.T)


def effects_of(params: dict[str, np.ndarray]) -> np.ndarray:
    """(G, p) B at the means of the guide."""
    effects = params["loadings"] @ params["of_factors"] + params["remainder"]
    return np.asarray(effects, float)


def started(
    prior: EffectsPrior,
    loadings: np.ndarray,
    effects: np.ndarray,
    known: np.ndarray,
    squares: np.ndarray,
) -> dict[str, np.ndarray]:
    """Initial values of M, R and the width of its guide.

    Parameters
    ----------
    loadings, effects
        (G, k) and (G, p).
    known
        (G,) information of all cells on the log mean intensity of each gene.
    squares
        (p,) mean square of each column over the cells.
    """
    of_factors = prior.explained(loadings, effects)
    information = prior.precision(len(effects)) + known[:, None] * squares
    return {
        "of_factors": of_factors,
        "remainder": effects - loadings @ of_factors,
        "remainder_log_scale": -0.5 * np.log(information),
    }


def learned(design: Design, params: dict[str, np.ndarray]) -> EffectsPrior:
    """The scales of the priors at the parameters, by a few steps of EM."""
    spread = np.exp(2 * np.asarray(params["remainder_log_scale"], float))
    effects = effects_of(params)
    prior = EffectsPrior.start(design, len(effects))
    for _ in range(_ROUNDS):
        prior = prior.learn(np.asarray(params["loadings"], float), effects, spread)
    return prior


def lost(prior: EffectsPrior, params: dict[str, np.ndarray]) -> float:
    """Divergence of the guide of R from its prior, less the log density of M, nats."""
    effects = np.asarray(params["remainder"], float), params["remainder_log_scale"]
    scale = prior.precision(len(effects[0])) ** -0.5
    total = divergence(*effects, 0.0, scale).sum()
    precision = prior.of_factors_precision()
    of_factors = np.asarray(params["of_factors"], float)
    total += 0.5 * (precision * of_factors**2).sum()
    return float(total - 0.5 * len(of_factors) * np.log(precision / (2 * np.pi)).sum())
