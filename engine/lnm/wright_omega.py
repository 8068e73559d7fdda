"""The fitted intensity of a count whose log has a normal residual, and Wright's omega function.

The intensity ``r`` with ``log r = x + d (u - r)`` is ``omega(log d + x + d u) / d``, where
``omega + log(omega) = y``. r is computed directly, so that it is precise even where d is almost
zero, and r almost ``exp(x)``.

Start: a Pade form of Lambert W below y = 1, above it y less a rational form of log(omega); within
5 % and 2 %. Each Fritsch-Shafer-Crowley step is of fourth order (Fritsch, Shafer & Crowley 1973,
Algorithm 443), so one step reaches float32 rounding and two reach float64's.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

F = Float[Array, "..."]


@jax.custom_jvp
def fitted_rate(x: F, log_d: F, counts: F) -> F:
    """``r`` of ``log r = x + d (u - r)``, elementwise; relative error below 1e-6 in float32."""
    d = jnp.exp(log_d)
    # Below this exp(x) underflows, and the logarithm of zero is not finite.
    x = jnp.maximum(x, np.log(jnp.finfo(jnp.result_type(x)).tiny) + 1)
    s = x + d * counts
    low = s < 1 - log_d
    growth = jnp.exp(jnp.minimum(s, 1 - log_d))
    small = d * growth
    y = jnp.maximum(log_d + s, 1.0)
    above = jnp.where(low, growth * (60 + small * (114 + 17 * small)), y * (y + 2.81) + 3.83)
    below = jnp.where(low, 60 + small * (174 + 101 * small), d * (y + 6.64))
    rate = above / below
    for _ in range(1 if rate.dtype == jnp.float32 else 2):
        residual = x + d * (counts - rate) - jnp.log(rate)
        one = 1 + d * rate
        twice = 2 * one * (one + residual * (2 / 3))
        rate = rate * (1 + residual * (twice - residual) / (one * (twice - 2 * residual)))
    return rate


@fitted_rate.defjvp
def _fitted_rate_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    (_, log_d, counts), (in_x, in_log_d, in_counts) = primals, tangents
    rate, d = fitted_rate(*primals), jnp.exp(log_d)
    return rate, rate / (1 + d * rate) * (in_x + d * (counts - rate) * in_log_d + d * in_counts)


def wright_omega(y: F) -> F:
    """omega(y) for real y, elementwise; relative error below 1e-6 in float32 for y > -80."""
    none = jnp.zeros_like(y)
    return fitted_rate(y, none, none)
