"""Latent Dirichlet allocation: its priors, its EM step, and the posterior of one cell.

Cells c = 1..C, topics k = 1..K, features g = 1..F; counts u, totals N; proportions theta (C, K)
and topics beta (K, F), rows of both summing to one:

    log p(u_c | theta_c, beta) = sum_g u_cg log (theta_c beta)_g         nats

without the multinomial coefficient (Blei, Ng and Jordan 2003, J. Mach. Learn. Res. 3).

Proportions are estimated in the softmax basis, ``theta = softmax(h)``, in which the density of
a Dirichlet(a) is ``prod theta^a`` (MacKay 1998, Mach. Learn. 33): its mode is the mean a / sum a
whatever a > 0, so a concentration below one asks for no zeros, and a topic without counts keeps
a share. The concentrations are pseudo-counts of the EM step.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

# Added to probabilities, so that zero has a logarithm; small beside any real one.
TINY = 1e-30


class Dirichlet(NamedTuple):
    """The softmax-basis approximation N(location, variance) of a Dirichlet."""

    location: Float[Array, "K"]
    variance: Float[Array, "K"]


def softmax_basis(concentration: Float[Array, "K"]) -> Dirichlet:
    """Laplace's approximation of a Dirichlet(a) in the softmax basis, its diagonal.

        mu_k = log a_k - mean(log a)
        Sigma_kk = (1 / a_k) (1 - 2 / K) + (1 / K^2) sum_i 1 / a_i

    Srivastava and Sutton 2017 (ICLR), after Hennig et al. 2012 (AISTATS). With K = 1 the
    variance would be zero; as softmax then is one whatever h, it is set to one.
    """
    size = concentration.shape[0]
    logs = jnp.log(concentration)
    inverse = 1 / concentration
    variance = inverse * (1 - 2 / size) + inverse.sum() / size**2
    return Dirichlet(logs - logs.mean(), jnp.where(size > 1, variance, 1.0))


class EMBlock(NamedTuple):
    """The result of an EM step on a block of cells.

    Attributes
    ----------
    proportions
        (B, K) the next proportions.
    expected
        (K, F) expected counts of each topic and feature, summed over the cells: a monoid.
    log_likelihood
        (B,) log p(u | theta, beta) at the proportions and topics that went in, times the cell's
        weight, nats.
    """

    proportions: Float[Array, "B K"]
    expected: Float[Array, "K F"]
    log_likelihood: Float[Array, "B"]


def em_block(
    proportions: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    alpha: Float[Array, "K"],
    counts: Float[Array, "B F"],
    weights: Float[Array, "B"],
) -> EMBlock:
    """One EM step for the cells of a block, and their contribution to the step for the topics.

    With responsibilities ``r_cgk = theta_ck beta_kg / (theta_c beta)_g``:

        theta_ck <- (alpha_k + sum_g u_cg r_cgk) / (sum alpha + N_c)
        beta_kg  <- (eta_g + sum_c u_cg r_cgk) / sum_g (...)

    Both sums are matrix products with ``u / (theta beta)``; r is never formed.

    Parameters
    ----------
    weights
        Weight of each cell in the sums: 1 usually, 0 for the padding of a last block.
    """
    predicted = proportions @ topics + TINY
    ratio = counts / predicted
    taken = alpha + proportions * (ratio @ topics.T)
    return EMBlock(
        taken / taken.sum(1, keepdims=True),
        topics * ((proportions * weights[:, None]).T @ ratio),
        (counts * jnp.log(predicted)).sum(1) * weights,
    )
