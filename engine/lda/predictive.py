"""Replicated cells under a fit of topics, and residuals of their counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.fitting.predictive import Block, Latents, Mode, PearsonResiduals
from engine.lda.fit import TopicFit
from engine.lda.proportions import Placed, place


@dataclass(frozen=True)
class CellTopics:
    """LDA: each cell's proportions of the topics from its logistic-normal."""

    topics: np.ndarray
    location: np.ndarray
    scale: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draws for one cell, given its counts."""
        shape = (n_draws, len(self.topics))
        logits = self.location[row] + self.scale[row] * rng.standard_normal(shape, dtype=np.float32)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        return shares @ self.topics


@dataclass(frozen=True)
class NewTopicCells:
    """LDA: proportions of the topics from their Dirichlet prior."""

    topics: np.ndarray
    alpha: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draws for new cells, whatever the row."""
        return rng.dirichlet(self.alpha, n_draws).astype(np.float32) @ self.topics


def new_cells(fit: TopicFit) -> Latents:
    """Latents from the prior."""
    return NewTopicCells(fit.topics.T.astype(np.float32), fit.config.alpha)


def replicated(fit: TopicFit, counts: Counts, mode: Mode) -> Iterator[Block]:
    """Latents of cells given their counts, block by block."""
    rows = Blocks(counts, keep=False).rows
    topics = fit.topics.T.astype(np.float32)
    placed = place(fit, counts)
    spread = placed.scale * (mode == "laplace")
    for start in range(0, counts.n_cells, rows):
        dense = counts.block(start, start + rows)
        own = slice(start, start + len(dense))
        latents = CellTopics(topics, placed.location[own], spread[own])
        yield Block(start, dense, latents, np.zeros(len(dense), bool))


def residuals(fit: TopicFit, observed: np.ndarray, genes: np.ndarray) -> PearsonResiduals[Placed]:
    """Pearson residuals of some genes; each data set gets its own proportions."""
    topics = fit.topics.T.astype(float)

    def placed(counts: np.ndarray) -> Placed:
        return place(fit, Counts.from_arrays(counts, fit.genes, map(str, range(len(counts)))))

    def chances(placed: Placed, rng: np.random.Generator | None) -> np.ndarray:
        logits = placed.location
        if rng is not None:
            logits = logits + placed.scale * rng.standard_normal(logits.shape)
        mixed = special.softmax(logits.astype(float), axis=1) @ topics
        return np.asarray(mixed / mixed.sum(1, keepdims=True))

    return PearsonResiduals(observed, genes, placed, chances)
