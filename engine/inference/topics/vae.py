"""Topics by stochastic variational inference with an encoder.

What is known to go wrong, and what is done about it:

- Topics die or coincide: they begin where a short search by EM left them, and stay there until
  the encoder has learned to tell them apart (a share of the first steps).
- The encoder ignores its input: the divergence of its posteriors from the prior gains weight
  over the first epochs only.
- The default run ends untrained: the step is large at first and falls to a hundredth along a
  cosine over the epochs allowed, and the objective is in nats per count, whatever the data.
- Not a number on cells of huge totals: inputs are compositions, layers are normalised, gradients
  clipped, and a step that is not finite is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import optim
from numpyro.infer import SVI, Trace_ELBO

from engine.config import LDAConfig
from engine.data import Counts
from engine.inference.topics import em
from engine.inference.topics.cells import place_under
from engine.inference.topics.means import softmax_means
from engine.inference.topics.shards import Shards
from engine.inference.topics.steps import End, Event, Learned, Step
from engine.models import lda, lda_encoder, lda_vae
from engine.results import TopicFit

# Share of the steps in which topics wait for the encoder.
_WAITING = 0.1
# The last rate of learning over the first, along the cosine.
_LAST_RATE = 0.01
# Gradients are of the bound in nats per count; no element counts for more than this.
_CLIP = 0.1
# Weight of the past in the smoothed bound, and epochs without a gain that end the training.
_MEMORY = 0.7
_PATIENCE = 8
# Cells that the scale of the inputs is taken from, and draws of the topics on the way.
_SCALE_CELLS = 2000
_DRAWS = 500
_TOPIC_NAMES = ("topic_location", "topic_log_scale")


class Plan(NamedTuple):
    """What a compiled epoch depends on beside the shapes of its arguments."""

    learning_rate: float
    schedule: str
    steps: int
    dropout: float


class Training(NamedTuple):
    """NumPyro's inference and its compiled epoch."""

    svi: SVI
    epoch: Callable[..., tuple[Any, jax.Array]]


@lru_cache(maxsize=8)
def training(plan: Plan) -> Training:
    """One per plan, so that a second fit compiles nothing."""

    def rate(step: jax.Array) -> jax.Array:
        done = jnp.minimum(step / plan.steps, 1.0)
        cosine = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + jnp.cos(jnp.pi * done))
        return plan.learning_rate * jnp.where(plan.schedule == "cosine", cosine, 1.0)

    optimiser = optim.ClippedAdam(rate, clip_norm=_CLIP)
    svi = SVI(lda_vae.model, lda_vae.guide, optimiser, Trace_ELBO(), dropout=plan.dropout)

    @jax.jit
    def epoch(
        state: Any,
        start: dict[str, jax.Array],
        counts: jax.Array,
        batches: jax.Array,
        meant: jax.Array,
        setting: lda_vae.Setting,
        phases: lda_vae.Phase,
    ) -> tuple[Any, jax.Array]:
        def step(
            state: Any, own: tuple[jax.Array, jax.Array, lda_vae.Phase]
        ) -> tuple[Any, jax.Array]:
            rows, real, phase = own
            return svi.stable_update(state, counts[rows], real, setting, phase, start=start)

        return jax.lax.scan(step, state, (batches, meant, phases))

    return Training(svi, epoch)


def maximise(
    counts: Counts, config: LDAConfig, start: TopicFit | None
) -> Generator[Event, None, End]:
    """Fit by SVI; yields the share of an epoch that is done, and a Step after every epoch."""
    alpha, eta = config.alpha, config.eta(counts.n_genes)
    params = _resumed(start) if start is not None and start.encoder else None
    if params is None:
        params = yield from _begin(counts, config, alpha, eta, start)
    rng = np.random.default_rng([config.seed, 2])
    order = rng.permutation(counts.n_cells)
    aside = min(int(np.ceil(config.validation * counts.n_cells)), counts.n_cells - 1)
    held_out = counts.take(np.sort(order[:aside])) if aside else None
    shards = Shards(counts, np.sort(order[aside:]), config.batch_cells)
    epochs = config.epochs(counts.n_cells)
    steps = shards.steps * epochs
    svi, epoch = training(Plan(config.learning_rate, config.schedule, steps, config.dropout))
    setting = _setting(counts, shards, params, alpha, eta)
    fixed = {name: params.pop(name) for name in list(params) if name.startswith(lda_encoder.INPUT)}
    one = jnp.ones((shards.batch_cells, counts.n_genes), jnp.float32)
    phase = lda_vae.Phase(jnp.float32(1), jnp.float32(1))
    # The generator of random bits that costs least: a step draws one for every probability.
    key = jax.random.key(config.seed, impl="rbg")
    state = jax.jit(svi.init)(key, one, one[:, 0] > 0, setting, phase, start=params)
    waiting = 0.0 if start is not None else _WAITING
    smoothed = best = -np.inf
    since, step = 0, 0
    reason = f"the {epochs} epochs allowed are made"
    end: End = ("stopped", reason)
    learn: Callable[[], Learned] | None = None
    for number in range(epochs):
        losses = []
        for shard in shards.epoch(rng):
            size = len(shard.batches)
            done = (step + np.arange(size)) / steps
            # A run that goes on has warmed up before.
            weight = np.minimum(done / max(config.warm_up, 1e-9), 1.0) if start is None else 1.0
            phases = lda_vae.Phase(
                jnp.asarray(np.broadcast_to(weight, size), jnp.float32),
                jnp.asarray(done >= waiting, jnp.float32),
            )
            state, loss = epoch(
                state, params, shard.counts, shard.batches, shard.meant, setting, phases
            )
            losses.append(np.asarray(loss, float))
            step += size
            yield step / shards.steps - number
        found = {name: np.asarray(value) for name, value in svi.get_params(state).items()}
        learn = partial(learned, counts, config, found | fixed)
        value = -float(np.nanmean(np.concatenate(losses)) / setting.unit) / counts.n_cells
        yield Step("training", counts, value, learn, epochs - number - 1.0)
        if held_out is not None:
            value = float(np.mean(learned(held_out, config, found | fixed, refine=False).bound))
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
    yield Step("finishing", counts, float(np.mean(final.bound)), lambda: final, 0.0)
    return end


def learned(
    counts: Counts, config: LDAConfig, params: dict[str, np.ndarray], *, refine: bool | None = None
) -> Learned:
    """The posteriors of all cells, by the encoder and, if the configuration says so, refined."""
    encoder = {name: value for name, value in params.items() if name not in _TOPIC_NAMES}
    location, scale = params["topic_location"], np.exp(params["topic_log_scale"])
    placed = place_under(
        softmax_means(location, scale, _DRAWS),
        counts,
        config,
        encoder,
        refine=config.refine if refine is None else refine,
    )
    return Learned(location, scale, placed.location, placed.scale, placed.bound, encoder)


def _begin(
    counts: Counts, config: LDAConfig, alpha: np.ndarray, eta: np.ndarray, start: TopicFit | None
) -> Generator[Event, None, dict[str, Any]]:
    """Parameters to start from: topics of a short search, or of an earlier fit by EM."""
    held = em.subsample(counts, config.seed)
    if start is not None:
        topics, shares = np.asarray(start.topics.T), np.full(config.n_topics, 1 / config.n_topics)
    else:
        events = em.find_start(counts, config, alpha, eta)
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                climb, held = end.value
                break
            # Passes of the search are no epochs.
            yield event if isinstance(event, Step) else event % 1.0
        topics = climb.at.topics
        shares = climb.at.proportions.mean(0)
        if not isinstance(config.topic_prior, tuple):
            order = np.argsort(-shares, kind="stable")
            topics, shares = topics[order], shares[order]
    topics = np.maximum(topics, lda.TINY)
    prior = lda.softmax_basis(jnp.asarray(eta, jnp.float32))
    # As precise as the counts that speak for a probability, and its prior.
    expected = shares[:, None] * counts.totals.sum() * topics
    variance = 1 / (expected + 1 / np.asarray(prior.variance))
    # The mean of a log-normal lies above its median.
    location = np.log(topics) - variance / 2
    location -= location.mean(1, keepdims=True) - float(np.mean(prior.location))
    inputs = lda_encoder.input_scale(held.block(0, _SCALE_CELLS))
    cells = lda_encoder.Gaussian(*lda.softmax_basis(jnp.asarray(alpha, jnp.float32)))
    key = jax.random.key(config.seed)
    encoder = lda_encoder.init_encoder(key, counts.n_genes, config.hidden, cells)
    return {
        "topic_location": jnp.asarray(location, jnp.float32),
        "topic_log_scale": jnp.asarray(np.log(variance) / 2, jnp.float32),
        **encoder,
        **{lda_encoder.INPUT + name: value for name, value in inputs._asdict().items()},
    }


def _resumed(start: TopicFit) -> dict[str, Any]:
    return {
        "topic_location": jnp.asarray(start.topic_location.T, jnp.float32),
        "topic_log_scale": jnp.asarray(np.log(start.topic_scale.T), jnp.float32),
        **{name: jnp.asarray(value) for name, value in start.encoder.items()},
    }


def _setting(
    counts: Counts, shards: Shards, params: dict[str, Any], alpha: np.ndarray, eta: np.ndarray
) -> lda_vae.Setting:
    def gaussian(concentration: np.ndarray) -> lda_encoder.Gaussian:
        basis = lda.softmax_basis(jnp.asarray(concentration, jnp.float32))
        return lda_encoder.Gaussian(basis.location, jnp.sqrt(basis.variance))

    return lda_vae.Setting(
        topics=gaussian(eta),
        cells=gaussian(alpha),
        inputs=lda_encoder.inputs_of(params),
        n_batches=jnp.float32(shards.steps),
        unit=jnp.float32(1 / counts.totals.sum()),
    )
