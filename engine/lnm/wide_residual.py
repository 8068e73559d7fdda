"""The residual integral of a count where the residual is wide: adaptive Gauss-Hermite quadrature.

The expansion of `residual` needs a posterior of e that is not much wider than 1. Where
its variance v = d / (1 + t) exceeds 1 (low counts of genes with d above 1, the rule in
sequencing of microbes), the integral is taken on nodes about the mode instead, and its
derivatives are posterior moments: with r = exp(x + e), q = e^2 / (2 d) - 1/2 and E over the nodes,

    psi' = u - E r,   -psi'' = E r - Var r,   d psi / d log d = E q,   d psi' / d log d = -Cov(r, q)

Elsewhere the expansion is used, whatever d: its error depends on v. Error per count: below 2e-3 nat
at d = 5, 5e-3 at d = 10 (12 nodes).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.lnm import residual as pln

F = Float[Array, "..."]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(12)
_WIDE = 1.0


def _moments(mode: pln.Mode, of: Callable[[F, F], tuple[F, ...]]) -> tuple[F, ...]:
    """The log of the mean over the nodes, then posterior expectations of functions of r and q."""
    width = jnp.sqrt(mode.d * mode.i)
    totals: list[F] = []
    for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
        step = width * node
        growth = jnp.exp(step)
        residual = mode.residual + step
        # Ratio of the density to that of the nodes, relative to the mode, where u - r = e / d.
        excess = mode.rate * (growth - 1 - step)
        mass = weight * jnp.exp(0.5 * node**2 * mode.j - excess)
        terms = of(mode.rate * growth, 0.5 * residual * residual / mode.d - 0.5)
        parts = [mass, *(mass * term for term in terms)]
        totals = [a + b for a, b in zip(totals, parts, strict=True)] if totals else parts
    # A loop this long is not vectorised if the sum over genes that follows is fused into it.
    total, *sums = jax.lax.optimization_barrier(totals)
    log_ratio = jnp.log(total * np.float32(1 / np.sqrt(2 * np.pi))) + 0.5 * jnp.log(mode.i)
    return log_ratio, *(value / total for value in sums)


def _curvature(mode: pln.Mode) -> tuple[F, F]:
    """E r, and -psi'' = E r - Var r."""
    _, rate, rate_2 = _moments(mode, lambda r, _: (r, r**2))
    return rate, rate - (rate_2 - rate**2)


def _choose(mode: pln.Mode, wide: F, narrow: F) -> F:
    return jnp.where(mode.d * mode.i > _WIDE, wide, narrow)


def quadrature_psi(mode: pln.Mode) -> F:
    """As `residual.psi`, by quadrature whether the residual is wide or not."""
    return pln.log_joint(mode) + _moments(mode, lambda *_: ())[0]


def psi(mode: pln.Mode) -> F:
    """As `residual.psi`."""
    return _choose(mode, quadrature_psi(mode), pln.psi(mode))


def slope(mode: pln.Mode) -> F:
    """As `residual.slope`."""
    return slope_and_curvature(mode)[0]


def slope_and_curvature(mode: pln.Mode) -> tuple[F, F]:
    """As `residual.slope_and_curvature`."""
    rate, curvature = _curvature(mode)
    slope, narrow = pln.slope_and_curvature(mode)
    return _choose(mode, mode.counts - rate, slope), _choose(mode, curvature, narrow)


def metric(mode: pln.Mode) -> F:
    """``-psi''``, which is positive here, or `residual.metric` where the expansion is used."""
    return _choose(mode, jnp.maximum(_curvature(mode)[1], 0.0), pln.metric(mode))


def slopes(mode: pln.Mode) -> pln.Slopes:
    """As `residual.slopes`, from moments: D E[h] = E[D h] + Cov(h, psi' at the node)."""
    _, rate, rate_2, rate_3, q, rate_q, rate_2_q = _moments(
        mode, lambda r, q: (r, r**2, r**3, q, r * q, r**2 * q)
    )
    curvature = rate - (rate_2 - rate**2)
    with_q = rate_q - rate * q
    square_with_q = rate_2_q - rate_2 * q
    square_with_rate = rate_3 - rate_2 * rate
    variance_x = 2 * rate_2 - square_with_rate - 2 * rate * curvature
    variance_log_d = square_with_q - 2 * rate * with_q
    wide = pln.Slopes(
        slope=mode.counts - rate,
        curvature=curvature,
        curvature_x=curvature - variance_x,
        log_d=q,
        slope_log_d=-with_q,
        curvature_log_d=with_q - variance_log_d,
    )
    narrow = pln.slopes(mode)
    return pln.Slopes(*(_choose(mode, a, b) for a, b in zip(wide, narrow, strict=True)))


WIDE = pln.Integral(psi, slope, slope_and_curvature, metric, slopes, 10.0)


def admitting(noise: np.ndarray) -> pln.Integral:
    """The integral that these residual variances were fitted with: wide if they need it."""
    return WIDE if noise.max() > 1.001 * pln.NARROW.max_noise else pln.NARROW
