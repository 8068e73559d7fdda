"""TOPICS: the family of latent Dirichlet allocation. Imports JAX inside methods only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from engine.fitting.family import FamilyBase
from engine.lda.config import LDAConfig
from engine.lda.fit import TopicFit

if TYPE_CHECKING:
    from engine.data import Counts
    from engine.fitting.predictive import Block, Latents, Mode, Residuals
    from engine.fitting.progress import Progress


class Topics(FamilyBase):
    """See `engine.fitting.family.Family`."""

    models = ("lda",)
    titles = (
        ("LDA", "Latent Dirichlet allocation: cells mix topics, each a distribution over genes."),
    )
    config = LDAConfig
    fit = TopicFit
    slowness = 2

    def fit_iter(
        self, counts: Counts, config: LDAConfig, start: TopicFit | None
    ) -> Iterator[Progress[TopicFit]]:
        """Fit by the inference of the configuration."""
        from engine.lda.driver import fit_topics

        return fit_topics(counts, config, start=start)

    def proportions(self, fit: TopicFit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
        """Mean proportions of the topics times mean topics, or their modes."""
        from engine.fitting.blocks import Blocks
        from engine.lda.proportions import topic_proportions

        shares = topic_proportions(fit, counts).to_numpy()
        for block in Blocks(counts, keep=False):
            yield block.own, shares[block.own] @ fit.topics.T

    def mixtures(self, fit: TopicFit, counts: Counts) -> np.ndarray:
        """Mean proportions of the topics."""
        from engine.lda.proportions import topic_proportions

        return topic_proportions(fit, counts).to_numpy(float)

    def new_cells(self, fit: TopicFit, obs: pd.DataFrame) -> Latents:
        """Latents from the prior."""
        from engine.lda.predictive import new_cells

        return new_cells(fit)

    def replicated(self, fit: TopicFit, counts: Counts, mode: Mode) -> Iterator[Block]:
        """Latents of cells given their counts, block by block."""
        from engine.lda.predictive import replicated

        return replicated(fit, counts, mode)

    def residuals(
        self, fit: TopicFit, observed: np.ndarray, genes: np.ndarray, obs: pd.DataFrame
    ) -> Residuals:
        """Pearson residuals of some genes."""
        from engine.lda.predictive import residuals

        return residuals(fit, observed, genes)


TOPICS = Topics()
