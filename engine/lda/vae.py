"""Topics by stochastic variational inference with an encoder.

Beside the failures that `engine.fitting.training` prevents, topics may vanish or coincide. So they
start from a short search by EM, and stay fixed until the encoder can distinguish them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from engine.data import Counts
from engine.fitting import encoding
from engine.fitting.steps import End, Step
from engine.fitting.training import Pair, Task, train
from engine.lda import em, equations
from engine.lda import encoder as vae
from engine.lda.config import LDAConfig
from engine.lda.fit import TopicFit
from engine.lda.learned import Event, Learned
from engine.lda.means import softmax_means
from engine.lda.proportions import place_under

# Cells that determine the scale of the inputs; draws for means of topics during training.
_SCALE_CELLS = 2000
_DRAWS = 500
_TOPIC_NAMES = ("topic_location", "topic_log_scale")

_softmax_basis = jax.jit(equations.softmax_basis)


def maximise(
    counts: Counts, config: LDAConfig, start: TopicFit | None
) -> Generator[Event, None, End]:
    """Fit by SVI; yields the share of an epoch that is done, and a Step after every epoch."""
    params = _resumed(start) if start is not None and start.encoder else None
    if params is None:
        alpha, eta = config.alpha, config.eta(counts.n_genes)
        params = yield from _begin(counts, config, alpha, eta, start)
    return (yield from train(_Topics(counts, config), config, params, resumed=start is not None))


class _Topics(Task[Learned]):
    """Topics and the posteriors of the cells' proportions."""

    pair = Pair(vae.model, vae.guide)

    def __init__(self, counts: Counts, config: LDAConfig) -> None:
        self.counts, self._config = counts, config
        self._topics = _gaussian(config.eta(counts.n_genes))
        self._cells = _gaussian(config.alpha)

    def setting(self, params: dict[str, Any], n_batches: int, unit: float) -> vae.Setting:
        """Priors, and the scale of the inputs."""
        return vae.Setting(
            topics=self._topics,
            cells=self._cells,
            inputs=encoding.inputs_of(params),
            n_batches=jnp.float32(n_batches),
            unit=jnp.float32(unit),
        )

    def learned(self, params: dict[str, np.ndarray]) -> Learned:
        """The posteriors of all cells."""
        return learned(self.counts, self._config, params)

    def bound(self, learned: Learned) -> float:
        """Mean of `TopicFit.bound`."""
        return float(np.mean(learned.bound))

    def bound_of(self, counts: Counts, params: dict[str, np.ndarray]) -> float:
        """The same for validation cells."""
        return self.bound(learned(counts, self._config, params, refine=False))

    def cells_bound(self, bound: float, params: dict[str, np.ndarray], cells: np.ndarray) -> float:
        """Without the divergence of the topics' guide from their prior."""
        mean, scale = (np.asarray(array, float) for array in self._topics)
        location, log_scale = (np.asarray(params[name], float) for name in _TOPIC_NAMES)
        return bound + float(encoding.divergence(location, log_scale, mean, scale).sum())


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
        topics, shares = np.asarray(start.topics.T), np.full(config.size, 1 / config.size)
    else:
        events = em.find_start(counts, config, alpha, eta)
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                climb, held = end.value
                break
            # A whole pass of the search must not be counted as an epoch.
            yield event if isinstance(event, Step) else event % 1.0
        topics = climb.at.topics
        shares = climb.at.proportions.mean(0)
        if not isinstance(config.topic_prior, tuple):
            order = np.argsort(-shares, kind="stable")
            topics, shares = topics[order], shares[order]
    topics = np.maximum(topics, equations.TINY)
    prior = _softmax_basis(np.asarray(eta, np.float32))
    # The precision of a probability comes from its expected counts and its prior.
    expected = shares[:, None] * counts.totals.sum() * topics
    variance = 1 / (expected + 1 / np.asarray(prior.variance))
    # The mean of a log-normal lies above its median.
    location = np.log(topics) - variance / 2
    location -= location.mean(1, keepdims=True) - float(np.mean(prior.location))
    inputs = encoding.input_scale(held.block(0, _SCALE_CELLS))
    mean = _softmax_basis(np.asarray(alpha, np.float32)).location
    key = jax.random.key(config.seed)
    encoder = encoding.init_encoder(key, counts.n_genes, config.hidden, mean)
    return {
        "topic_location": jnp.asarray(location, jnp.float32),
        "topic_log_scale": jnp.asarray(np.log(variance) / 2, jnp.float32),
        **encoder,
        **{encoding.INPUT + name: value for name, value in inputs._asdict().items()},
    }


def _resumed(start: TopicFit) -> dict[str, Any]:
    return {
        "topic_location": jnp.asarray(start.topic_location.T, jnp.float32),
        "topic_log_scale": jnp.asarray(np.log(start.topic_scale.T), jnp.float32),
        **{name: jnp.asarray(value) for name, value in start.encoder.items()},
    }


def _gaussian(concentration: np.ndarray) -> encoding.Gaussian:
    basis = _softmax_basis(np.asarray(concentration, np.float32))
    return encoding.Gaussian(basis.location, jnp.sqrt(basis.variance))
