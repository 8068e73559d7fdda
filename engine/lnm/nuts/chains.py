"""Chains of the No-U-Turn sampler (Hoffman & Gelman 2014), one iteration of all at a time.

NumPyro's sampler with a diagonal mass matrix, adapted in warm-up. Chains run one after another: in
lock-step each would wait for the longest trajectory of all, which took twice as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array
from numpyro.infer.hmc import hmc

from engine.lnm import equations, joint
from engine.lnm.joint import Position, Setting

# The step is adapted to this acceptance; trajectories have at most 2^depth steps.
_ACCEPTANCE = 0.8
_DEPTH = 10


class Draw(NamedTuple):
    """One draw of each of n chains, float64.

    Attributes
    ----------
    position, params
        Latents and parameters, each with the chains in front.
    log_density
        (n,) log density of the draw, up to a constant that all draws share.
    diverging, longest
        (n,) masks: the trajectory diverged, or was cut at the greatest length.
    """

    position: Position
    params: equations.Params
    log_density: np.ndarray
    diverging: np.ndarray
    longest: np.ndarray


class Chains:
    """Running chains.

    Parameters
    ----------
    seed
        Seed of the starts, which are drawn about that of the setting in its units, and of the
        chains.
    """

    def __init__(self, setting: Setting, n_chains: int, n_warmup: int, seed: int) -> None:
        start, self._sample = _compiled(n_warmup)
        with jax.enable_x64(True):
            self._setting = jax.device_put(setting)
            self._states = [
                start(_draw_start(setting, key), jax.random.fold_in(key, 1), self._setting)
                for key in jax.random.split(jax.random.key(seed), n_chains)
            ]

    def step(self) -> Draw:
        """The next draw of every chain; discard the first n_warmup."""
        with jax.enable_x64(True):
            self._states = [self._sample(state, self._setting) for state in self._states]
            placed = [_natural_position(state.z, self._setting) for state in self._states]
            positions, params = zip(*jax.device_get(placed), strict=True)
            statistics = jax.device_get(
                [(-s.potential_energy, s.diverging, s.num_steps) for s in self._states]
            )
        density, diverging, steps = (np.array(column) for column in zip(*statistics, strict=True))
        return Draw(
            {name: np.stack([p[name] for p in positions]) for name in positions[0]},
            equations.Params(*(np.stack(arrays) for arrays in zip(*params, strict=True))),
            density,
            diverging,
            steps >= 2**_DEPTH - 1,
        )


@lru_cache(maxsize=4)
def _compiled(n_warmup: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The start of a chain and its iteration, so that a second fit compiles nothing."""

    def potential_of(setting: Setting) -> Any:
        return lambda raw: -joint.log_density(raw, setting)

    begin, sample = hmc(potential_fn_gen=potential_of, algo="NUTS")

    def start(raw: Position, key: Array, setting: Setting) -> Any:
        return begin(
            raw,
            n_warmup,
            target_accept_prob=_ACCEPTANCE,
            max_tree_depth=_DEPTH,
            model_args=(setting,),
            rng_key=key,
        )

    return jax.jit(start), jax.jit(lambda state, setting: sample(state, (setting,), {}))


@jax.jit
def _natural_position(raw: Position, setting: Setting) -> tuple[Position, equations.Params]:
    position = joint.natural(joint.place(raw, setting), setting.covariates)
    return position, joint.params_of(position, setting)


@jax.jit
def _draw_start(setting: Setting, key: Array) -> Position:
    arrays = sorted(setting.start.items())
    longest = max(array.size for _, array in arrays)

    # As many for each, which are drawn at once: one after another they take long to compile.
    @jax.vmap
    def draws(key: Array) -> Array:
        return jax.random.normal(key, longest, setting.counts.dtype)

    drawn = draws(jax.random.split(key, len(arrays)))
    return {
        name: own[: array.size].reshape(array.shape)
        for own, (name, array) in zip(drawn, arrays, strict=True)
    }
