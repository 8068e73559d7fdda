"""Symmetric matrices by their upper triangle, so that many are built by one matrix product."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# By default tensor cores round float32 factors to 10 bits.
_HIGHEST = jax.lax.Precision.HIGHEST


def product(left: Array, right: Array) -> Array:
    """Matrix product in the full precision of its operands."""
    return jnp.matmul(left, right, precision=_HIGHEST)


def pair_products(design: Float[Array, "G q"]) -> Float[Array, "G P"]:
    """Products of columns i <= j: ``weights @ pairs`` packs ``design' diag(weights) design``."""
    # By slices: XLA gathers columns one number at a time.
    size = design.shape[1]
    return jnp.concatenate([design[:, i : i + 1] * design[:, i:] for i in range(size)], axis=1)


def pair_weights(size: int) -> np.ndarray:
    """(P,) 1 on the diagonal and 2 off it: a quadratic form over packed matrices."""
    rows, columns = np.triu_indices(size)
    return np.where(rows == columns, np.float32(1), np.float32(2))


def pack(matrix: Float[Array, "... q q"]) -> Float[Array, "... P"]:
    """Upper triangle, row by row."""
    rows, columns = np.triu_indices(matrix.shape[-1])
    return matrix[..., rows, columns]


def unpack(packed: Float[Array, "... P"]) -> Float[Array, "... q q"]:
    """The symmetric matrix of a packed one; NumPy and JAX arrays alike."""
    size = (math.isqrt(8 * packed.shape[-1] + 1) - 1) // 2
    rows, columns = np.triu_indices(size)
    position = np.zeros((size, size), dtype=int)
    position[rows, columns] = position[columns, rows] = np.arange(len(rows))
    return packed[..., position]
