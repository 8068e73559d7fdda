"""The arrays of a fit of topics, as what is computed from them needs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.fitting.fitted import FitBase
from engine.fitting.vocabulary import Vocabulary
from engine.lda.config import LDAConfig


class TopicArrays(FitBase):
    """What `TopicFit` holds, see there."""

    vocabulary = Vocabulary(
        latent="topic",
        model="LDA",
        loading="log fold change",
        share="share of counts",
        share_column="share_of_counts",
    )

    config: LDAConfig
    topics: np.ndarray
    topic_location: np.ndarray
    topic_scale: np.ndarray
    proportions: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    bound: np.ndarray

    @property
    def reference(self) -> None:
        """None: topics have no reference."""

    @property
    def diagnostics(self) -> dict[str, Any]:
        """Empty: nothing is drawn."""
        return {}

    @property
    def n_topics(self) -> int:
        """Number of topics K."""
        return int(self.topics.shape[1])

    @property
    def n_factors(self) -> int:
        """Number of topics, under the name that the latents of all models have."""
        return self.n_topics

    @property
    def log_marginal_per_cell(self) -> float:
        """Mean of ``bound``, nats: what stands here for the log-marginal of the other models."""
        return float(np.mean(self.bound))
