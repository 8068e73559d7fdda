"""Stochastic variational inference with an encoder: the training that all models share.

Known failures, and the remedies:

- The encoder ignores its input: the divergence of its posteriors from the prior gains weight
  over the first epochs only, and the decoder waits where it began until the encoder has learned
  to use it (a share of the first steps).
- The default run ends untrained: the step is large at first and falls to a hundredth along a
  cosine over the epochs allowed, and the objective is in nats per count, whatever the data.
- Not a number on cells of huge totals: inputs are compositions, layers are normalised, gradients
  clipped, and a step that is not finite is left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import optim
from numpyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO

from engine.data import Counts
from engine.fitting.blocks import on_device
from engine.fitting.encoding import INPUT, Phase
from engine.fitting.shards import Shard, Shards
from engine.fitting.steps import End, Step
from engine.fitting.training_config import Training

# Share of the steps in which the decoder waits for the encoder.
_WAITING = 0.1
# The last rate of learning over the first, along the cosine.
_LAST_RATE = 0.01
# Gradients are of the bound in nats per count; no element counts for more than this.
_CLIP = 0.1
# Weight of the past in the smoothed bound, and epochs in a row without a gain that end the
# training (documented in the configurations' ``tolerance``).
_MEMORY = 0.7
_PATIENCE = 8


@dataclass(frozen=True)
class Pair:
    """A NumPyro model and its guide, and keyword arguments for both.

    With ``closed_form`` divergences are computed from formulas where NumPyro has them; the latents
    of model and guide must then have the same dependencies.
    """

    model: Callable[..., None]
    guide: Callable[..., None]
    closed_form: bool = False
    keywords: tuple[tuple[str, Any], ...] = field(default=())


class Rate(NamedTuple):
    """The rate of learning at every step, along half a cosine from the first to the last.

    An argument of the compiled epoch, so that another number of steps needs no new compilation.
    """

    first: Any
    last: Any
    steps: Any

    def __call__(self, step: jax.Array) -> jax.Array:
        """Rate of a step, counted from zero."""
        done = jnp.minimum(step / self.steps, 1.0)
        return self.last + (self.first - self.last) * 0.5 * (1 + jnp.cos(jnp.pi * done))


class Compiled(NamedTuple):
    """NumPyro's inference, and its compiled initialisation and epoch."""

    svi: SVI
    init: Callable[..., Any]
    epoch: Callable[..., tuple[Any, jax.Array]]


@lru_cache(maxsize=8)
def compiled(pair: Pair, dropout: float) -> Compiled:
    """Compile once per pair, so that a second fit compiles nothing."""
    bound = TraceMeanField_ELBO() if pair.closed_form else Trace_ELBO()
    keywords = {**dict(pair.keywords), "dropout": dropout}
    # The optimiser's initial state does not depend on its rate, which an epoch sets.
    svi = SVI(pair.model, pair.guide, optim.ClippedAdam(0.0), bound, **keywords)

    @jax.jit
    def epoch(
        state: Any,
        start: dict[str, jax.Array],
        data: Any,
        batches: jax.Array,
        meant: jax.Array,
        setting: Any,
        phases: Phase,
        rate: Rate,
    ) -> tuple[Any, jax.Array]:
        own = copy(svi)
        own.optim = optim.ClippedAdam(rate, clip_norm=_CLIP)

        def step(state: Any, at: tuple[jax.Array, jax.Array, Phase]) -> tuple[Any, jax.Array]:
            rows, real, phase = at
            cells = jax.tree.map(lambda array: array[rows], data)
            return own.stable_update(state, cells, real, setting, phase, start=start)

        return jax.lax.scan(step, state, (batches, meant, phases))

    return Compiled(svi, jax.jit(svi.init), epoch)


class Task[L](ABC):
    """The parts of a training that each model defines.

    Attributes
    ----------
    counts
        All cells.
    pair
        See `Pair`.
    beside
        (C, m) further inputs of each cell; None without.
    """

    counts: Counts
    pair: Pair
    beside: np.ndarray | None = None

    @abstractmethod
    def setting(self, params: dict[str, Any], n_batches: int, unit: float) -> Any:
        """The arguments of a step beside its cells.

        Parameters
        ----------
        n_batches
            Number of minibatches that make up all training cells.
        unit
            Weight of the whole bound: one over all counts makes it nats per count.
        """

    @abstractmethod
    def learned(self, params: dict[str, np.ndarray]) -> L:
        """The posteriors of all cells."""

    @abstractmethod
    def bound(self, learned: L) -> float:
        """Mean of the cells' bounds, nats."""

    @abstractmethod
    def bound_of(self, counts: Counts, params: dict[str, np.ndarray]) -> float:
        """Mean bound of validation cells, by the encoder alone, nats."""

    def cells_bound(self, bound: float, params: dict[str, np.ndarray], cells: np.ndarray) -> float:
        """The part of a bound on all counts of some cells that is reported as objective, nats.

        Parameters
        ----------
        cells
            Positions of the training cells.
        """
        return bound


def train[L](
    task: Task[L], config: Training, params: dict[str, Any], *, resumed: bool
) -> Generator[Step[L] | float, None, End]:
    """Train; yields the share of an epoch that is done, and a Step after every epoch.

    Parameters
    ----------
    params
        Initial values; the scale of the encoder's inputs among them is not trained.
    resumed
        The decoder does not wait, and the divergence has its full weight from the start.
    """
    counts = task.counts
    rng = np.random.default_rng([config.seed, 2])
    order = rng.permutation(counts.n_cells)
    aside = min(int(np.ceil(config.validation * counts.n_cells)), counts.n_cells - 1)
    held_out = counts.take(np.sort(order[:aside])) if aside else None
    trained = np.sort(order[aside:])
    shards = Shards(counts, trained, config.batch_cells, task.beside)
    epochs = config.epochs(counts.n_cells)
    steps = shards.steps * epochs
    svi, init, epoch = compiled(task.pair, config.dropout)
    first = config.learning_rate
    last = _LAST_RATE * first if config.schedule == "cosine" else first
    rate = Rate(jnp.float32(first), jnp.float32(last), jnp.float32(steps))
    unit = float(1 / counts.totals[trained].sum())
    setting = task.setting(params, shards.steps, unit)
    fixed = {name: params[name] for name in params if name.startswith(INPUT)}
    params = {name: value for name, value in params.items() if name not in fixed}
    # The generator of random bits that costs least: a step draws one for every probability.
    key = jax.random.key(config.seed, impl="rbg")
    full = Phase(jnp.float32(1), jnp.float32(1))
    state = init(key, *_example(shards, task), setting, full, start=params)
    waiting = 0.0 if resumed else _WAITING
    smoothed = best = -np.inf
    since, step = 0, 0
    end: End = ("stopped", f"the {epochs} epochs allowed are made")
    if epochs >= replace(config, max_epochs=None).epochs(counts.n_cells):
        end = "completed", "all epochs that were planned are made"
    learn: Callable[[], L] | None = None
    for number in range(epochs):
        losses = []
        for shard in shards.epoch(rng):
            size = len(shard.batches)
            done = (step + np.arange(size)) / steps
            # A resumed run has warmed up before.
            weight = 1.0 if resumed else np.minimum(done / max(config.warm_up, 1e-9), 1.0)
            phases = Phase(
                on_device(np.broadcast_to(weight, size)),
                on_device(done >= waiting),
            )
            state, loss = epoch(
                state, params, shard.data, shard.batches, shard.meant, setting, phases, rate
            )
            losses.append(np.asarray(loss, float))
            step += size
            yield step / shards.steps - number
        fitted = {name: np.asarray(value) for name, value in svi.get_params(state).items()} | fixed
        learn = partial(task.learned, fitted)
        bound = -float(np.nanmean(np.concatenate(losses)) / unit)
        value = task.cells_bound(bound, fitted, trained) / len(trained)
        yield Step("training", counts, value, learn, epochs - number - 1.0)
        setting = task.setting(fitted, shards.steps, unit)
        if held_out is not None:
            value = task.bound_of(held_out, fitted)
        if step < max(config.warm_up, waiting) * steps:
            continue
        smoothed = value if np.isinf(smoothed) else _MEMORY * smoothed + (1 - _MEMORY) * value
        since = 0 if smoothed > best + config.tolerance else since + 1
        best = max(best, smoothed)
        if since >= _PATIENCE:
            what = "the bound on cells set aside" if held_out is not None else "the smoothed bound"
            end = "converged", f"{what} has not gained {config.tolerance:g} nats in {since} epochs"
            break
    assert learn is not None
    final = learn()
    yield Step("finishing", counts, task.bound(final), lambda: final, 0.0)
    return end


def _example[L](shards: Shards, task: Task[L]) -> tuple[Any, np.ndarray]:
    """Cells in the shape of a step's arguments, and the mask of those meant."""
    cells: Any = np.ones((shards.batch_cells, task.counts.n_genes), np.float32)
    beside: Any = task.beside
    if beside is not None:
        beside = np.ones((len(cells), *beside.shape[1:]), np.float32)
    return Shard(cells, cells, cells, beside).data, cells[:, 0] > 0
