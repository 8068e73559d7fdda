"""Amortized latent Dirichlet allocation: NumPyro model and guide, and the encoder.

    b_k ~ N(m_eta, V_eta), beta_k = softmax(b_k)
    h_c ~ N(m_alpha, V_alpha), theta_c = softmax(h_c)
    log p(u_c | h_c, b) = sum_g u_cg log (theta_c beta)_g

m and V are the softmax-basis approximations of Dirichlet(eta) and Dirichlet(alpha)
(`engine.lda.equations.softmax_basis`). The guide has a normal for every b_kg and, from the encoder,
for every h_ck. Training and all later estimates use the same standard deviations. After
Srivastava and Sutton 2017 (ICLR).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jaxtyping import Array, Bool, Float
from numpyro import handlers

from engine.fitting.encoding import Gaussian, Inputs, Phase, encode
from engine.lda.equations import TINY


class Setting(NamedTuple):
    """The arguments of a step beside its cells.

    Attributes
    ----------
    topics, cells
        Priors of b (F,) and h (K,).
    inputs
        Scale of the encoder's inputs.
    n_batches
        Number of minibatches that make up all cells.
    unit
        Weight of the whole bound: one over all counts makes it nats per count.
    """

    topics: Gaussian
    cells: Gaussian
    inputs: Inputs
    n_batches: Float[Array, ""]
    unit: Float[Array, ""]


def model(
    counts: Float[Array, "B F"], meant: Bool[Array, "B"], setting: Setting, phase: Phase, **_: Any
) -> None:
    """The joint density of a minibatch and all topics, weighted to stand for all cells.

    Parameters
    ----------
    meant
        False for cells that only fill the minibatch.
    """
    count = len(setting.cells.location)
    with handlers.scale(scale=setting.unit):
        with numpyro.plate("topic", count):
            topics = numpyro.sample("topics", dist.Normal(*setting.topics).to_event(1))
        with (
            numpyro.plate("cell", len(counts)),
            handlers.scale(scale=setting.n_batches),
            handlers.mask(mask=meant),
        ):
            with handlers.scale(scale=phase.divergence):
                logits = numpyro.sample("logits", dist.Normal(*setting.cells).to_event(1))
            predicted = jax.nn.softmax(logits) @ jax.nn.softmax(topics)
            numpyro.factor("counts", (counts * jnp.log(predicted + TINY)).sum(1))


def guide(
    counts: Float[Array, "B F"],
    meant: Bool[Array, "B"],
    setting: Setting,
    phase: Phase,
    *,
    start: dict[str, Array],
    dropout: float,
) -> None:
    """The approximate posterior: `encode` for the cells, one normal for each b.

    Parameters
    ----------
    start
        Initial values of the parameters: ``topic_location`` and ``topic_log_scale`` (K, F), and
        those of the encoder.
    """
    params = {name: numpyro.param(name, value) for name, value in start.items()}
    location = phase.hold(params.pop("topic_location"))
    log_scale = phase.hold(params.pop("topic_log_scale"))
    key = numpyro.prng_key() if dropout > 0 else None
    posterior = encode(params, counts, setting.inputs, dropout, key)
    with handlers.scale(scale=setting.unit):
        with numpyro.plate("topic", len(location)):
            numpyro.sample("topics", dist.Normal(location, jnp.exp(log_scale)).to_event(1))
        with (
            numpyro.plate("cell", len(counts)),
            handlers.scale(scale=setting.n_batches * phase.divergence),
            handlers.mask(mask=meant),
        ):
            numpyro.sample("logits", dist.Normal(*posterior).to_event(1))
