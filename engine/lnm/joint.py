"""The joint density of LNM and LNMVCP in parameters and latents, from which NUTS draws.

    w_g ~ N(0, S),  log d_g ~ N(m, t^2) cut at a largest d,  mu flat
    z_c ~ N(0, I_k),  lambda_c flat,  u_cg ~ Poisson-lognormal(x_cg, d_g),  x = mu + W z + lambda
    LNMVCP also:  eta_c ~ TruncNormal(a_c, s^2, low=0),  N_c ~ NB(M exp(-eta_c), r)
    with covariates:  x = mu + B x_c + W z + lambda,  b_j ~ N(0, diag(D_j) + V_j W W')

Poisson counts with a free, flat intensity lambda are exactly the multinomial
(`engine.lnm.equations`). Nothing is approximated by Laplace here: the only integral is that over
each residual, in one dimension, by adaptive Gauss-Hermite quadrature in float64.

Coordinates are chosen so that they depend little on each other under the posterior: the log mean
intensity ``centre = mu + d / 2`` in place of mu; in place of lambda its distance from the value
that explains the cell's total; log eta; and all of them less a start, in units of their approximate
posterior standard deviation. Logits enter the likelihood centred over the genes, and so do the
columns of W; the part of the mean that centring removes has an independent standard normal density.

Mean and covariance of z over the cells, which the likelihood cannot distinguish from mu and W,
would move slowly, as all cells must move at once. They are coordinates of their own (parameter
expansion: Liu & Wu 1999): a shift a and a lower triangular B with

    z = B zeta + a,   W = W' B^-1,   mu = mu' - W a,   so that   mu + W z = mu' + W' zeta

and zeta has mean 0 and covariance 1 over the cells up to a small normal deviation, whose density
accounts for the added coordinates: the posterior of z, W and mu is unchanged. The same is done for
slopes s of z in fixed covariates: ``z = B zeta + a + s x`` and effects ``b = b' - W s``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from engine.lnm import equations
from engine.lnm import residual as pln

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(12)

# Arrays by name: centre (G,), loadings (G, k), log_noise (G,), scores (C, k), intensity (C,), with
# LNMVCP log_eta (C,), with covariates effects (G, p), and of the expansion shift (k,), log_diagonal
# (k,), below (k (k - 1) / 2,) and with covariates slope (k, f).
Position = dict[str, Any]


class Capture(NamedTuple):
    """Location and scale of each cell's prior of eta; M and r of its negative binomial."""

    location: Float[Any, "C"]
    scale: Float[Any, "C"]
    mean: Float[Any, "C"]
    concentration: Float[Any, "C"]


class Covariates(NamedTuple):
    """Covariates of the cells, centred, the f fixed ones first.

    Attributes
    ----------
    values
        (C, p) covariates.
    root
        (f, f) lower root of the covariance of the fixed ones.
    variance, of_factors
        (G, p) D and (p,) V of the prior of the effects.
    """

    values: Float[Any, "C p"]
    root: Float[Any, "f f"]
    variance: Float[Any, "G p"]
    of_factors: Float[Any, "p"]


class Setting(NamedTuple):
    """The constants of the density.

    Attributes
    ----------
    has_noise
        (G,) mask of the genes whose d is learned; coordinates of the others are not used.
    loadings_precision
        (k, k) inverse of S.
    noise_location, noise_scale, most_noise
        m and t of log d, and the largest d.
    start, scale
        Origin and units of the raw coordinates, the expansion's included.
    play
        (k,) standard deviations of zeta's mean and of its covariance's root about 1.
    capture
        None without a capture latent.
    covariates
        None without any.
    """

    counts: Float[Any, "C G"]
    has_noise: Bool[Any, "G"]
    loadings_precision: Float[Any, "k k"]
    noise_location: Float[Any, ""]
    noise_scale: Float[Any, ""]
    most_noise: Float[Any, ""]
    start: Position
    scale: Position
    play: Float[Any, "k"]
    capture: Capture | None
    covariates: Covariates | None = None


@jax.custom_vjp
def psi(
    x: Float[Array, "C G"], log_noise: Float[Array, "G"], counts: Float[Array, "C G"]
) -> Float[Array, "C G"]:
    """``log ∫ N(e; 0, d) exp(u (x + e) - exp(x + e)) de`` on 12 nodes about the mode of e.

    Error per count: below 3e-8 nat at d = 0.3, 2e-6 at d = 1, 2e-4 at d = 3 and 5e-3 at d = 10. The
    slopes are the posterior moments u - E r and E[e^2 / (2 d) - 1/2].
    """
    return _with_slopes(x, log_noise, counts)[0]


def _with_slopes(x: Array, log_noise: Array, counts: Array) -> tuple[Array, tuple[Array, Array]]:
    mode = pln.residual_mode(x, log_noise, counts)
    width = jnp.sqrt(mode.d * mode.i)
    nodes, weights = jnp.asarray(_NODES, x.dtype), jnp.asarray(_WEIGHTS, x.dtype)

    def add(k: Array, sums: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        step = width * nodes[k]
        residual, rate = mode.residual + step, mode.rate * jnp.exp(step)
        change = counts * step - (rate - mode.rate) - step * (mode.residual + residual) / 2 / mode.d
        mass = weights[k] * jnp.exp(change + 0.5 * nodes[k] ** 2)
        q = 0.5 * residual**2 / mode.d - 0.5
        return sums[0] + mass, sums[1] + mass * rate, sums[2] + mass * q

    zero = jnp.zeros_like(x)
    # A loop: unrolled it is slower, and takes four times as long to compile.
    total, in_rate, in_q = jax.lax.fori_loop(0, len(_NODES), add, (zero, zero, zero))
    at_mode = counts * mode.log_rate - mode.rate - 0.5 * mode.residual**2 / mode.d
    value = at_mode + jnp.log(total / np.sqrt(2 * np.pi)) + 0.5 * jnp.log(mode.i)
    return value, (counts - in_rate / total, in_q / total)


def _backward(slopes: tuple[Array, Array], weight: Array) -> tuple[Array, Array, None]:
    return slopes[0] * weight, (slopes[1] * weight).sum(0), None


psi.defvjp(_with_slopes, _backward)


def place(raw: Position, setting: Setting) -> Position:
    """Coordinates of the expansion from raw ones."""
    return {name: setting.start[name] + setting.scale[name] * raw[name] for name in setting.start}


def _basis(position: Position) -> Float[Array, "k k"]:
    """B, lower triangular, its diagonal positive."""
    basis = jnp.diag(jnp.exp(position["log_diagonal"]))
    return basis.at[np.tril_indices(len(basis), -1)].set(position["below"])


def natural(position: Position, covariates: Covariates | None) -> Position:
    """The model's own coordinates from those of the expansion."""
    basis, shift = _basis(position), position["shift"]
    loadings = jax.scipy.linalg.solve_triangular(basis.T, position["loadings"].T).T
    unexpanded = position | {
        "scores": position["scores"] @ basis.T + shift,
        "loadings": loadings,
        "centre": position["centre"] - loadings @ shift,
    }
    if covariates is None:
        return unexpanded
    slope = position["slope"]
    size = slope.shape[1]
    return unexpanded | {
        "scores": unexpanded["scores"] + covariates.values[:, :size] @ slope.T,
        "effects": position["effects"].at[:, :size].add(-loadings @ slope),
    }


def log_expansion(position: Position, setting: Setting) -> Float[Array, ""]:
    """Log density of the added coordinates, with the Jacobian of all.

    With M the lower root of zeta's covariance over C cells, less the part that fixed covariates
    explain, and i counting its rows from 1: normal densities of zeta's mean, log M_ii and M_ij, and
    ``dM/dB = prod M_ii^(k+1-i) B_ii^-i``; of zeta's covariance with each fixed covariate, whose
    slope in s is B^-1.
    """
    scores, play = position["scores"], setting.play
    count, width = scores.shape
    mean = scores.mean(0)
    covariance = (scores - mean).T @ (scores - mean) / count
    row = np.arange(1, width + 1)
    power, along = count - len(position["loadings"]) - row, jnp.zeros(())
    if setting.covariates is not None:
        fixed = len(setting.covariates.root)
        between = setting.covariates.values[:, :fixed].T @ scores / count
        explained = jax.scipy.linalg.solve_triangular(setting.covariates.root, between, lower=True)
        covariance, power = covariance - explained.T @ explained, power - fixed
        along = -0.5 * jnp.sum((explained / play) ** 2)
    root = jnp.linalg.cholesky(covariance)
    log_root = jnp.log(jnp.diagonal(root))
    below = root[np.tril_indices(width, -1)] / play[np.tril_indices(width, -1)[0]]
    return (
        along
        - 0.5 * jnp.sum((mean / play) ** 2)
        - 0.5 * jnp.sum((log_root / play) ** 2)
        - 0.5 * jnp.sum(below**2)
        + jnp.sum((width - row) * log_root)
        + jnp.sum(power * position["log_diagonal"])
    )


def bounded(free: Array, most: Array) -> tuple[Array, Array]:
    """Log d below log(most) from a free number, nearly equal if low; and the log Jacobian."""
    top = jnp.log(most)
    return top - jax.nn.softplus(top - free), -jax.nn.softplus(free - top)


def params_of(position: Position, setting: Setting) -> equations.Params:
    """The model's parameters at natural coordinates, mean and loadings centred over the genes."""
    log_noise, _ = bounded(position["log_noise"], setting.most_noise)
    log_noise = jnp.where(setting.has_noise, log_noise, pln.LOG_NO_NOISE)
    mean = position["centre"] - 0.5 * jnp.exp(log_noise)
    loadings = position["loadings"]
    return equations.Params(mean - mean.mean(), loadings - loadings.mean(0), log_noise)


def log_prior(position: Position, setting: Setting) -> Float[Array, ""]:
    """Log prior of natural coordinates without eta, up to a constant, with Jacobians."""
    loadings, centre = position["loadings"], position["centre"]
    log_noise, jacobian = bounded(position["log_noise"], setting.most_noise)
    distance = (log_noise - setting.noise_location) / setting.noise_scale
    return (
        -0.5 * jnp.sum((loadings @ setting.loadings_precision) * loadings)
        - 0.5 * jnp.sum(distance**2)
        + jnp.sum(jacobian)
        - 0.5 * jnp.sum(position["scores"] ** 2)
        - 0.5 * jnp.sum(centre) ** 2 / centre.size
    )


def log_effects(effects: Float[Array, "G p"], loadings: Array, prior: Covariates) -> Array:
    """Log prior density of the effects, their part that the factors explain integrated out."""
    weighted = effects / prior.variance
    information = jnp.einsum("gi,gp,gj->pij", loadings, 1 / prior.variance, loadings)
    information += jnp.eye(loadings.shape[1]) / prior.of_factors[:, None, None]
    root = jnp.linalg.cholesky(information)
    along = jnp.einsum("gi,gp->pi", loadings, weighted)
    whitened = jax.scipy.linalg.solve_triangular(root, along[..., None], lower=True)
    log_det = jnp.log(jnp.diagonal(root, axis1=1, axis2=2)).sum()
    return -0.5 * jnp.sum(effects * weighted) + 0.5 * jnp.sum(whitened**2) - log_det


def log_likelihood(position: Position, setting: Setting) -> Float[Array, "C"]:
    """Log p(u_c | latents, parameters), residuals integrated, up to a constant."""
    params = params_of(position, setting)
    x = params.mean + position["scores"] @ params.loadings.T
    if setting.covariates is not None:
        effects = position["effects"]
        x = x + setting.covariates.values @ (effects - effects.mean(0)).T
    explained = jax.nn.logsumexp(x + 0.5 * jnp.exp(params.log_noise), axis=1)
    intensity = jnp.log(setting.counts.sum(1)) - explained + position["intensity"]
    return psi(x + intensity[:, None], params.log_noise, setting.counts).sum(1)


def log_capture(log_eta: Float[Array, "C"], counts: Array, prior: Capture) -> Float[Array, "C"]:
    """Log p(N_c, eta_c) in log eta, up to a constant."""
    eta, totals = jnp.exp(log_eta), counts.sum(1)
    mean = prior.mean * jnp.exp(-eta)
    drawn = totals * jnp.log(mean) - (totals + prior.concentration) * jnp.log(
        mean + prior.concentration
    )
    return drawn - 0.5 * ((eta - prior.location) / prior.scale) ** 2 + log_eta


def log_density(raw: Position, setting: Setting) -> Float[Array, ""]:
    """Log density of all coordinates and the counts, in raw coordinates, up to a constant."""
    expanded = place(raw, setting)
    position = natural(expanded, setting.covariates)
    value = log_prior(position, setting) + log_likelihood(position, setting).sum()
    value += log_expansion(expanded, setting)
    if setting.covariates is not None:
        value += log_effects(position["effects"], position["loadings"], setting.covariates)
    if setting.capture is not None:
        value += log_capture(position["log_eta"], setting.counts, setting.capture).sum()
    return value
