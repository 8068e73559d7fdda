"""Encoders: from a cell's counts to the posterior of its latents."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

# Prefix of the names of the inputs' scale among the arrays of an encoder.
INPUT = "input_of_"
# Counts per cell that compositions are scaled to before the logarithm.
_PER_CELL = 1e4
# Smallest standard deviation of the guide.
_NARROWEST = 1e-4
_EPSILON = 1e-5


class Inputs(NamedTuple):
    """Scale of the encoder's inputs: means (F,) and common spread of log1p compositions, and
    those of the log totals.
    """

    mean: Float[Array, "F"]
    spread: Float[Array, ""]
    total_mean: Float[Array, ""]
    total_spread: Float[Array, ""]


class Gaussian(NamedTuple):
    """Independent normals, one per element."""

    location: Array
    scale: Array


class Phase(NamedTuple):
    """Where in training a step is: weight of the divergence of the cells' posteriors from
    their prior, and whether the decoder moves (1) or waits for the encoder (0).
    """

    divergence: Float[Array, ""]
    decoder: Float[Array, ""]

    def hold(self, value: Array) -> Array:
        """A parameter of the decoder, without its gradient while it waits."""
        return self.decoder * value + (1 - self.decoder) * jax.lax.stop_gradient(value)


def input_scale(counts: np.ndarray) -> Inputs:
    """Scale of the inputs, from a sample of cells (n, F) with counts."""
    totals = np.maximum(counts.sum(1), 1)
    logs = np.log1p(_PER_CELL * counts / totals[:, None])
    log_totals = np.log(totals)
    spreads = (
        logs.mean(0),
        max(float(logs.std(0).mean()), 1e-3),
        float(log_totals.mean()),
        max(float(log_totals.std()), 0.1),
    )
    return Inputs(*(jnp.asarray(value, jnp.float32) for value in spreads))


def inputs_of(encoder: dict[str, Any]) -> Inputs:
    """The scale of the inputs, from the arrays of an encoder."""
    return Inputs(*(jnp.asarray(encoder[INPUT + name], jnp.float32) for name in Inputs._fields))


def init_encoder(key: Array, features: int, hidden: int, prior: Any) -> dict[str, np.ndarray]:
    """Parameters of an encoder whose posterior starts near the mean (K,) of the prior."""
    latents = len(prior)
    shapes = ((features + 1, hidden), (hidden, hidden), (hidden, latents))
    first, second, third = (
        np.float32(1 / np.sqrt(len(normal))) * np.asarray(normal)
        for normal in _normals(key, shapes)
    )
    return {
        "input": first,
        "input_bias": np.zeros(hidden, np.float32),
        "hidden": second,
        "hidden_bias": np.zeros(hidden, np.float32),
        "location": third,
        "location_bias": np.asarray(prior, np.float32),
        "scale": np.zeros((hidden, latents), np.float32),
        "scale_bias": np.full(latents, -1, np.float32),
    }


@partial(jax.jit, static_argnames="shapes")
def _normals(key: Array, shapes: tuple[tuple[int, int], ...]) -> list[Array]:
    """Standard normal matrices, by one program: separate calls would compile three."""
    keys = jax.random.split(key, len(shapes))
    return [jax.random.normal(own, shape) for own, shape in zip(keys, shapes, strict=True)]


def encode(
    encoder: dict[str, Array],
    counts: Float[Array, "B F"],
    inputs: Inputs,
    dropout: float = 0.0,
    key: Array | None = None,
) -> Gaussian:
    """Posterior of the latents of each cell: (B, K) locations and scales."""
    units = hidden_units(encoder, counts, inputs, dropout, key)
    location = units @ encoder["location"] + encoder["location_bias"]
    scale = jax.nn.softplus(units @ encoder["scale"] + encoder["scale_bias"])
    return Gaussian(location, scale + _NARROWEST)


def size_of(counts: Float[Array, "B F"], inputs: Inputs) -> Float[Array, "B 1"]:
    """The log total of each cell, standardised."""
    totals = jnp.maximum(counts.sum(1, keepdims=True), 1.0)
    return jnp.clip((jnp.log(totals) - inputs.total_mean) / inputs.total_spread, -10, 10)


def hidden_units(
    encoder: dict[str, Array],
    counts: Float[Array, "B F"],
    inputs: Inputs,
    dropout: float = 0.0,
    key: Array | None = None,
    beside: Float[Array, "B p"] | None = None,
) -> Float[Array, "B H"]:
    """Two layers, each normalised within the cell, on log1p of compositions and on the log total.

    So a cell of any size gives inputs of order one. Units are dropped out if a key is given.
    ``beside`` holds further inputs of each cell, with weights of their own.
    """
    totals = jnp.maximum(counts.sum(1, keepdims=True), 1.0)
    standard = (jnp.log1p(_PER_CELL * counts / totals) - inputs.mean) / inputs.spread
    units = jnp.concatenate([standard, size_of(counts, inputs)], 1)
    weights = encoder["input"]
    if beside is not None:
        units = jnp.concatenate([units, beside], 1)
        weights = jnp.concatenate([weights, encoder["input_by_design"]])
    keys = (None, None) if key is None else tuple(jax.random.split(key))
    units = _layer(units, weights, encoder["input_bias"], dropout, keys[0])
    return units + _layer(units, encoder["hidden"], encoder["hidden_bias"], dropout, keys[1])


def divergence(location: Any, log_scale: Any, mean: Any, scale: Any) -> np.ndarray:
    """KL of N(location, exp(log_scale)^2) from N(mean, scale^2)."""
    ratio = np.exp(log_scale) / scale
    return 0.5 * (ratio**2 + ((location - mean) / scale) ** 2 - 1) - np.log(ratio)


def _layer(units: Array, weights: Array, bias: Array, dropout: float, key: Array | None) -> Array:
    after = units @ weights
    after -= after.mean(1, keepdims=True)
    after = jax.nn.gelu(after / jnp.sqrt((after**2).mean(1, keepdims=True) + _EPSILON) + bias)
    if key is None or dropout == 0:
        return after
    retained = jax.random.bernoulli(key, 1 - dropout, after.shape)
    return jnp.where(retained, after / (1 - dropout), 0.0)
