"""The posterior of one cell's topic proportions, topics known: its mode, and a Dirichlet's bound.

Cells c, topics k = 1..K, features g = 1..F; counts u, totals N; ``theta = softmax(h)`` and
topics beta, as in `engine.lda.equations`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from engine.lda.equations import TINY

# Nats that a component of h may move in one step.
_LONGEST_STEP = 4.0
# Fractions of a step that are tried: a rare topic's share may have to grow less than linearly.
_LENGTHS = (1.0, 0.3)
# Curvature added in every direction, so that a Cholesky factor exists.
_RIDGE = 1e-6


class CellPrior(NamedTuple):
    """Prior of h: ``a'h - (sum a) logsumexp(h) - sum_k w_k (h_k - m_k)^2 / 2``.

    A Dirichlet in the softmax basis has a = alpha, w = 0; its Gaussian approximation a = 0,
    m and 1 / w its location and variance.
    """

    pseudo_counts: Float[Array, "K"]
    location: Float[Array, "*cell K"]
    precision: Float[Array, "K"]


def dirichlet_prior(alpha: Float[Array, "K"]) -> CellPrior:
    """The prior of `em_block`."""
    return CellPrior(alpha, jnp.zeros_like(alpha), jnp.zeros_like(alpha))


def log_joint(
    logits: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    prior: CellPrior,
    counts: Float[Array, "B F"],
) -> Float[Array, "B"]:
    """Log p(u | h) + log prior(h) of each cell up to a constant of the prior, nats."""
    log_shares = jax.nn.log_softmax(logits)
    likelihood = (counts * jnp.log(jnp.exp(log_shares) @ topics + TINY)).sum(1)
    distance = (logits - prior.location) ** 2 * prior.precision
    return likelihood + log_shares @ prior.pseudo_counts - 0.5 * distance.sum(1)


class Curvature(NamedTuple):
    """First and second derivatives of `log_joint`, and terms of its change.

    ``observed`` is minus the Hessian; ``complete`` is the same if the topic of every count were
    observed, and ``scoring`` the first of its terms below with those of the prior: both are
    positive definite. For a Dirichlet ``(N + sum a) theta theta'`` is added to all three, as
    softmax ignores the level of h and they would be singular.

    Attributes
    ----------
    excess
        ``e_cgk = beta_kg / (theta_c beta)_g - 1``.
    """

    gradient: Float[Array, "B K"]
    complete: Float[Array, "B K K"]
    scoring: Float[Array, "B K K"]
    observed: Float[Array, "B K K"]
    excess: Float[Array, "B K F"]


def curvature(
    logits: Float[Array, "B K"],
    topics: Float[Array, "*cell K F"],
    prior: CellPrior,
    counts: Float[Array, "B F"],
) -> Curvature:
    """Derivatives of each cell's log joint in h; topics and prior may be each cell's own.

    With the responsibilities r, A = sum a and ``delta = sum_g u_g (r_g - theta)``:

        gradient = delta + a - A theta - w (h - m)
        -Hessian = sum_g u_g (r_g - theta) (r_g - theta)' + delta theta' + theta delta'
                   - diag(delta) + A (diag(theta) - theta theta') + diag(w)

    and ``r_gk - theta_k = theta_k e_gk``: no differences of large counts occur, so that float32
    suffices for cells of millions of counts.
    """
    shares = jax.nn.softmax(logits)
    predicted = jnp.einsum("...k,...kg->...g", shares, topics)
    excess = topics / (predicted + TINY)[:, None, :] - 1
    weighted = counts[:, None, :] * excess
    delta = shares * weighted.sum(2)
    total = prior.pseudo_counts.sum()
    pull = prior.precision * (logits - prior.location)
    gradient = delta + prior.pseudo_counts - total * shares - pull
    identity = jnp.eye(topics.shape[-2], dtype=logits.dtype)
    outer = shares[:, :, None] * shares[:, None, :]
    size = (counts.sum(1) + total)[:, None]
    level = jnp.where(prior.precision.sum() > 0, 0.0, size)[:, :, None] * outer
    own = (prior.precision + _RIDGE) * identity + level
    complete = (size * shares)[:, :, None] * identity - size[:, :, None] * outer + own
    scoring = outer * jnp.einsum("bjg,bkg->bjk", weighted, excess)
    scoring += total * (shares[:, :, None] * identity - outer) + own
    cross = delta[:, :, None] * shares[:, None, :]
    observed = scoring + cross + jnp.swapaxes(cross, 1, 2) - delta[:, :, None] * identity
    return Curvature(gradient, complete, scoring, observed, excess)


def log_joint_gain(
    logits: Float[Array, "B K"],
    move: Float[Array, "B K"],
    excess: Float[Array, "B K F"],
    prior: CellPrior,
    counts: Float[Array, "B F"],
) -> Float[Array, "B"]:
    """Gain of `log_joint` from logits to logits + move, nats.

    Term by term: two log joints of a cell of millions of counts differ by less than float32
    resolves in either.
    """
    change = jax.nn.softmax(logits + move) - jax.nn.softmax(logits)
    ratio = jnp.einsum("bk,bkg->bg", change, excess)
    likelihood = (counts * jnp.log1p(jnp.maximum(ratio, -1 + 1e-6))).sum(1)
    log_shares = jax.nn.log_softmax(logits + move) - jax.nn.log_softmax(logits)
    distance = move * (logits - prior.location + 0.5 * move) * prior.precision
    return likelihood + log_shares @ prior.pseudo_counts - distance.sum(1)


def newton_step(
    logits: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    prior: CellPrior,
    counts: Float[Array, "B F"],
) -> tuple[Float[Array, "B K"], Float[Array, "B"]]:
    """One step up each cell's log joint, and its gain (nats, never below zero).

    The best of three, as the log joint is not concave in h: Newton's step, where the Hessian
    is negative definite; that of scoring; that of the complete data, an EM step to first order.
    """
    at = curvature(logits, topics, prior, counts)
    best, gain = jnp.zeros_like(logits), jnp.zeros_like(logits[:, 0])
    for matrix in (at.complete, at.scoring, at.observed):
        factor = jnp.linalg.cholesky(matrix)
        move = jax.scipy.linalg.cho_solve((factor, True), at.gradient[..., None])[..., 0]
        longest = jnp.abs(move).max(1, keepdims=True)
        move *= jnp.minimum(1.0, _LONGEST_STEP / jnp.maximum(longest, TINY))
        for length in _LENGTHS:
            own = log_joint_gain(logits, length * move, at.excess, prior, counts)
            better: Bool[Array, "B"] = own > gain
            best = jnp.where(better[:, None], length * move, best)
            gain = jnp.where(better, own, gain)
    moved = logits + best
    # Under a Dirichlet prior the level of h is arbitrary; fixed at zero, it cannot drift.
    level = jnp.where(prior.precision.sum() > 0, 0.0, jax.nn.logsumexp(moved, 1))
    return moved - level[:, None], gain


def find_mode(
    logits: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    prior: CellPrior,
    counts: Float[Array, "B F"],
    *,
    tolerance: float,
    max_steps: int,
) -> Float[Array, "B K"]:
    """The mode of each cell's posterior of h near a start, by `newton_step`.

    Parameters
    ----------
    tolerance
        Nats: the end is reached when no cell gained more in a step.
    """

    def unsettled(state: tuple[Array, Array, Array]) -> Array:
        _, gain, step = state
        return (gain > tolerance) & (step < max_steps)

    def go(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        moved, gain = newton_step(state[0], topics, prior, counts)
        return moved, gain.max(), state[2] + 1

    begin = (logits, jnp.asarray(jnp.inf, logits.dtype), jnp.asarray(0))
    return jax.lax.while_loop(unsettled, go, begin)[0]


def dirichlet_bound(
    logits: Float[Array, "B K"],
    topics: Float[Array, "K F"],
    alpha: Float[Array, "K"],
    counts: Float[Array, "B F"],
    steps: int = 50,
) -> Float[Array, "B"]:
    """Evidence lower bound of each cell with a Dirichlet(gamma) for its proportions, nats.

    ``gamma = alpha + sum_g u_g r_g`` with ``r_gk`` proportional to ``exp(E log theta_k)
    beta_kg``, repeated from the mode of h; then ``sum_g u_g log sum_k exp(E log theta_k)
    beta_kg - KL(Dirichlet(gamma) || Dirichlet(alpha))`` (Blei, Ng and Jordan 2003, section 5).
    It is a bound at any gamma, so gamma need not have converged.
    """
    totals = counts.sum(1, keepdims=True)

    # Of gamma and its sum at once: each such function in a program takes long to compile.
    def with_sum(gamma: Array) -> Array:
        return jnp.concatenate([gamma, gamma.sum(1, keepdims=True)], 1)

    def expected_logs(gamma: Array) -> Array:
        digamma = jax.scipy.special.digamma(with_sum(gamma))
        return digamma[:, :-1] - digamma[:, -1:]

    def again(_: Array, gamma: Array) -> Array:
        shares = jnp.exp(expected_logs(gamma))
        return alpha + shares * ((counts / (shares @ topics + TINY)) @ topics.T)

    start = alpha + totals * jax.nn.softmax(logits)
    gamma = jax.lax.fori_loop(0, steps, again, start)
    logs = expected_logs(gamma)
    likelihood = (counts * jnp.log(jnp.exp(logs) @ topics + TINY)).sum(1)
    gammaln = jax.scipy.special.gammaln(with_sum(jnp.concatenate([gamma, alpha[None]])))
    of_gamma, of_alpha = gammaln[:-1], gammaln[-1]
    divergence = of_gamma[:, -1] - of_alpha[-1]
    divergence -= (of_gamma[:, :-1] - of_alpha[:-1]).sum(1)
    divergence += ((gamma - alpha) * logs).sum(1)
    return likelihood - divergence
