"""Means of logistic-normals, by draws that all rows share."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special

# Most elements of the draws in memory at a time.
_ELEMENTS = 2**21
_SEED = 0


def softmax_means(location: np.ndarray, scale: np.ndarray, n_samples: int) -> np.ndarray:
    """(n, m) means of ``softmax(N(location, scale^2))`` over m, rows summing to one.

    Averages over ``n_samples`` draws, in pairs of opposite sign; all rows use the same draws, from
    a fixed seed. So the mean of a row does not depend on the other rows, and memory does not grow
    with the draws. Where the scale is zero it is exact.

    Parameters
    ----------
    location, scale
        (n, m).
    """
    location = np.ascontiguousarray(location, np.float32)
    scale = np.asarray(scale, np.float32)
    if not scale.any():
        # JAX's softmax compiles five programs for each shape.
        means: np.ndarray = special.softmax(location, axis=1)
        return means
    rows, width = location.shape
    at_once = max(1, min(rows, _ELEMENTS // (2 * width)))
    pairs = (n_samples + 1) // 2
    chunk = max(1, min(pairs, _ELEMENTS // (2 * width * at_once)))
    padded = -(-rows // at_once) * at_once - rows
    # Padding repeats the last row: all blocks have one shape, for one compilation.
    location = np.pad(location, ((0, padded), (0, 0)), "edge")
    scale = np.pad(scale, ((0, padded), (0, 0)), "edge")
    key = jax.random.key(_SEED)
    blocks = [
        _block_means(location[i : i + at_once], scale[i : i + at_once], key, pairs, chunk)
        for i in range(0, rows, at_once)
    ]
    return np.concatenate([np.asarray(block) for block in blocks])[:rows]


@partial(jax.jit, static_argnames=("pairs", "chunk"))
def _block_means(
    location: Float[Array, "n m"],
    scale: Float[Array, "n m"],
    key: Array,
    pairs: int,
    chunk: int,
) -> Float[Array, "n m"]:
    width = location.shape[1]

    def add(total: Array, first: Array) -> tuple[Array, None]:
        numbers = first + jnp.arange(chunk)
        keys = jax.vmap(partial(jax.random.fold_in, key))(numbers)
        noise = jax.vmap(lambda own: jax.random.normal(own, (width,)))(keys)
        both = jnp.concatenate([noise, -noise])
        drawn = jax.nn.softmax(location + scale * both[:, None, :], 2)
        weights = jnp.tile(numbers < pairs, 2).astype(drawn.dtype)
        return total + jnp.einsum("s,snm->nm", weights, drawn), None

    starts = jnp.arange(0, pairs, chunk)
    total, _ = jax.lax.scan(add, jnp.zeros_like(location), starts)
    return total / total.sum(1, keepdims=True)
