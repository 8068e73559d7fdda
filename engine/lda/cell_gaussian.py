"""The posterior of one cell's topic proportions, topics known, as independent normals.

Cells c, topics k = 1..K, features g = 1..F; counts u, totals N; ``theta = softmax(h)`` and
topics beta, as in `engine.lda.equations`; their location is the mode from
`cell_posterior.find_mode`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from engine.lda.cell_posterior import CellPrior, curvature
from engine.lda.equations import TINY, softmax_basis

# Newton steps to a variance: to the precision of float32, for up to 500 topics.
_VARIANCE_STEPS = 8


def gaussian_prior(alpha: Float[Array, "K"]) -> CellPrior:
    """The prior of the amortized model."""
    basis = softmax_basis(alpha)
    return CellPrior(jnp.zeros_like(alpha), basis.location, 1 / basis.variance)


def posterior_scale(
    logits: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    prior: CellPrior,
    counts: Float[Array, "B F"],
) -> Float[Array, "B K"]:
    """Standard deviations of independent normals about the mode, closest to a cell's posterior.

    The closest have ``1 / s_k^2 = E J_kk``, J minus the Hessian (Opper and Archambeau 2009, Neural
    Comput. 21). J at the mode is a poor estimate: where a cell has little of a topic the density of
    h falls off slowly to one side only, and a normal of that width overestimates exp(h_k) several
    times. So J is evaluated where exp(h) equals its expectation: at ``h + s^2 / 2``, with topics
    ``exp(-s^2 / 2) beta`` and a prior about ``m + s^2 / 2``, s from `mean_field_variance`. The
    result lies between the standard deviations of the complete data and of the prior.
    """
    lift = mean_field_variance(logits, prior, counts.sum(1, keepdims=True)) / 2
    # A factor common to all topics has no effect; divided out, wide priors cause no underflow.
    own = jnp.exp(lift.min(1, keepdims=True) - lift)[:, :, None] * topics
    raised = prior._replace(location=prior.location + lift)
    at = curvature(logits + lift, own, raised, counts)
    diagonal = jnp.diagonal(at.observed, axis1=1, axis2=2)
    most = jnp.diagonal(at.complete, axis1=1, axis2=2)
    return 1 / jnp.sqrt(jnp.clip(diagonal, jnp.minimum(prior.precision, most), most))


def mean_field_variance(
    logits: Float[Array, "B K"], prior: CellPrior, totals: Float[Array, "B 1"]
) -> Float[Array, "B K"]:
    """Variances of normals about given logits, if the topic of every count were observed.

    ``1 / s_k^2 = w_k + N exp(h_k + s_k^2 / 2) / zeta``, zeta the sum of the exponentials, maximises
    the bound that follows from ``log sum exp <= sum exp / zeta - 1 + log zeta`` (Blei and Lafferty
    2007, Ann. Appl. Stat. 1). Solved by Newton's method in log s^2, in which the condition is
    convex; it starts from the variances that J gives at the logits, which also fix zeta.
    """
    shares = jax.nn.softmax(logits)
    start = 1 / (prior.precision + totals * shares)
    level = jax.nn.logsumexp(logits + start / 2, 1, keepdims=True)
    taken = jnp.log(totals + TINY) + logits - level
    own = jnp.broadcast_to(jnp.log(prior.precision), logits.shape)

    def go(_: Array, logs: Array) -> Array:
        half = jnp.exp(logs) / 2
        excess = logs + jnp.logaddexp(own, taken + half)
        return logs - excess / (1 + half * jax.nn.sigmoid(taken + half - own))

    return jnp.exp(jax.lax.fori_loop(0, _VARIANCE_STEPS, go, jnp.log(start)))


def gaussian_bound(
    location: Float[Array, "B K"],
    scale: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    alpha: Float[Array, "K"],
    counts: Float[Array, "B F"],
    noise: Float[Array, "n K"],
) -> Float[Array, "B"]:
    """Evidence lower bound of each cell with N(location, scale^2) for h, nats.

    The likelihood's expectation is a mean over draws ``location + scale * noise``; the
    divergence from the prior N(m, V) is exact: ``sum_k log(sqrt(V_k) / s_k) + (s_k^2 +
    (h_k - m_k)^2) / (2 V_k) - 1/2``.
    """
    prior = softmax_basis(alpha)

    def add(total: Array, own: Array) -> tuple[Array, None]:
        shares = jax.nn.softmax(location + scale * own)
        return total + (counts * jnp.log(shares @ topics + TINY)).sum(1), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(location[:, 0]), noise)
    squares = (scale**2 + (location - prior.location) ** 2) / prior.variance
    divergence = 0.5 * (jnp.log(prior.variance) - 2 * jnp.log(scale) + squares - 1)
    return total / len(noise) - divergence.sum(1)
