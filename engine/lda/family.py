"""TOPICS: what latent Dirichlet allocation does with counts. Imports no JAX by itself."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from engine.errors import ConfigError
from engine.lda.config import LDAConfig
from engine.lda.fit import TopicFit

if TYPE_CHECKING:
    from engine.data import Counts
    from engine.fitting.levels import Level
    from engine.fitting.predictive import Block, DrawnTotals, Latents, Mode, Residuals
    from engine.fitting.progress import Progress


class Topics:
    """See `engine.fitting.model.Family`."""

    models = ("lda",)
    titles = (
        ("LDA", "Latent Dirichlet allocation: cells mix topics, each a distribution over genes."),
    )
    config = LDAConfig
    fit = TopicFit
    has_log_marginal = False
    slowness = 2

    def configured(self, model: str, **settings: Any) -> LDAConfig:
        """The configuration of a model by its name."""
        return LDAConfig(**settings)

    def fit_iter(
        self, counts: Counts, config: LDAConfig, start: TopicFit | None
    ) -> Iterator[Progress[TopicFit]]:
        """Fit by the inference that the configuration asks for."""
        from engine.lda.driver import fit_topics

        return fit_topics(counts, config, start=start)

    def extended(self, fit: TopicFit, counts: Counts, size: int, seed: int) -> TopicFit | None:
        """None: each number of topics begins anew."""
        return None

    def prepared(self, counts: Counts, config: LDAConfig) -> Counts:
        """The counts as they are."""
        return counts

    def check_size(self, counts: Counts, config: LDAConfig) -> None:
        """Topics fit any counts."""

    def proportions(self, fit: TopicFit, counts: Counts) -> Iterator[tuple[slice, np.ndarray]]:
        """Mean proportions of the topics times mean topics, or those of their modes."""
        from engine.fitting.blocks import Blocks
        from engine.lda.cells import topic_proportions

        shares = topic_proportions(fit, counts).to_numpy()
        for block in Blocks(counts, keep=False):
            yield block.own, shares[block.own] @ fit.topics.T

    def marginal(self, fit: TopicFit, counts: Counts) -> tuple[float, bool]:
        """Topics have none."""
        raise NotImplementedError("topics have no log-marginal likelihood")

    def new_cells(self, fit: TopicFit, obs: pd.DataFrame) -> Latents:
        """Latents from the prior."""
        from engine.lda.predictive import new_cells

        return new_cells(fit)

    def replicated(self, fit: TopicFit, counts: Counts, mode: Mode) -> Iterator[Block]:
        """Latents of cells given their counts, block by block."""
        from engine.lda.predictive import replicated

        return replicated(fit, counts, mode)

    def drawn_totals(self, fit: TopicFit, counts: Counts, mode: Mode) -> DrawnTotals | None:
        """None: topics have no model of the totals."""
        return None

    def residuals(
        self, fit: TopicFit, seen: np.ndarray, genes: np.ndarray, obs: pd.DataFrame
    ) -> Residuals:
        """Pearson residuals of some genes."""
        from engine.lda.predictive import GeneResiduals

        return GeneResiduals(fit, seen, genes)

    def levels(self, fit: TopicFit, sets: list[Counts]) -> Generator[float, None, list[Level]]:
        """Topics have none."""
        raise ConfigError("a fit of factors", fit.model, "Compare groups under an LNM.")


TOPICS = Topics()
