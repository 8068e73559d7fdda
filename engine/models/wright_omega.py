"""The real Wright omega function, ``omega + log(omega) = y``, in the working precision.

Start: a Pade form of Lambert W below 1, the asymptotic series above; both within 5 %.
Each Fritsch-Shafer-Crowley step is of fourth order (Fritsch, Shafer & Crowley 1973,
Algorithm 443), so one step reaches float32 rounding and two reach float64's.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


@jax.custom_jvp
def wright_omega(y: Float[Array, "..."]) -> Float[Array, "..."]:
    """omega(y) for real y, elementwise; relative error below 1e-6 in float32 for y > -80."""
    # Below, exp(y) underflows, and the logarithm of nothing is not a number.
    y = jnp.maximum(y, np.log(jnp.finfo(jnp.result_type(y)).tiny) + 1)
    small = jnp.exp(jnp.minimum(y, 1.0))
    below = small * (60 + small * (114 + 17 * small)) / (60 + small * (174 + 101 * small))
    log_y = jnp.log(jnp.maximum(y, 1.0))
    inverse = 1 / jnp.maximum(y, 1.0)
    above = y - log_y + log_y * inverse * (1 + inverse * (0.5 * log_y - 1))
    omega = jnp.where(y < 1, below, above)
    for _ in range(1 if omega.dtype == jnp.float32 else 2):
        residual = y - omega - jnp.log(omega)
        one = 1 + omega
        twice = 2 * one * (one + residual * (2 / 3))
        omega = omega * (1 + residual / one * (twice - residual) / (twice - 2 * residual))
    return omega


@wright_omega.defjvp
def _wright_omega_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    omega = wright_omega(primals[0])
    return omega, omega / (1 + omega) * tangents[0]
