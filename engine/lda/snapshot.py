"""TopicSnapshot: builds a TopicFit from the estimates so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from engine.data import Counts
from engine.fitting.status import Status
from engine.fitting.versions import versions
from engine.lda.config import LDAConfig
from engine.lda.fit import TopicFit
from engine.lda.learned import Learned
from engine.lda.means import softmax_means

# Draws for a mean, the fewest, and the limit of draws times elements.
_DRAWS = 5000
_FEWEST_DRAWS = 200
_MOST_WORK = 1e9


@dataclass(frozen=True)
class TopicSnapshot:
    """Everything a TopicFit is made of; calling it makes one, in any thread.

    Attributes
    ----------
    counts
        Counts of the cells placed so far.
    data
        Where all the counts came from.
    """

    counts: Counts
    config: LDAConfig
    learn: Callable[[], Learned]
    trace: pd.DataFrame
    status: Status
    data: dict[str, Any]

    def __call__(self) -> TopicFit:
        """The fit; topics in descending order of their counts where their priors are alike."""
        learned, counts = self.learn(), self.counts
        proportions = _means(learned.location, learned.scale)
        topics = _means(learned.topic_location, learned.topic_scale)
        order = np.arange(len(topics))
        # An encoder fixes the order of its topics; so does a prior with one value per topic.
        if not learned.encoder and not isinstance(self.config.topic_prior, tuple):
            order = np.argsort(-(counts.totals @ proportions), kind="stable")
        return TopicFit(
            config=self.config,
            genes=counts.genes,
            gene_ids=counts.gene_ids,
            cells=counts.cells,
            topics=topics[order].T.copy(),
            topic_location=learned.topic_location[order].T.astype(np.float32),
            topic_scale=learned.topic_scale[order].T.astype(np.float32),
            proportions=proportions[:, order],
            location=learned.location[:, order].astype(np.float32),
            scale=learned.scale[:, order].astype(np.float32),
            bound=learned.bound,
            total_counts=counts.totals,
            obs=counts.obs,
            trace=self.trace,
            status=self.status,
            encoder=learned.encoder,
            data=self.data,
            versions=versions(),
        )


def _means(location: np.ndarray, scale: np.ndarray) -> np.ndarray:
    draws = int(np.clip(_MOST_WORK / location.size, _FEWEST_DRAWS, _DRAWS))
    return softmax_means(location, scale, draws)
