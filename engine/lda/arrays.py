"""The arrays of a fit of topics, and values derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from engine.fitting.fitted import FitBase
from engine.fitting.saved import Stored
from engine.fitting.vocabulary import Vocabulary
from engine.lda.config import LDAConfig


class TopicArrays(FitBase):
    """The arrays of a `TopicFit`, which documents them."""

    vocabulary = Vocabulary(
        latent="topic",
        model="LDA",
        loading="log fold change",
        share="share of counts",
        share_column="share_of_counts",
    )
    config_type = LDAConfig
    stored: ClassVar[Mapping[str, Stored]] = {
        "bound": Stored("obs", "log_bound"),
        "proportions": Stored("obsm", "X_lda", 0.0),
        "location": Stored("obsm", "X_lda_location"),
        "scale": Stored("obsm", "X_lda_scale", 0.0),
        "topics": Stored("varm", "lda_topics", 0.0),
        "topic_location": Stored("varm", "lda_topics_location"),
        "topic_scale": Stored("varm", "lda_topics_scale", 0.0),
    }

    config: LDAConfig
    topics: np.ndarray
    topic_location: np.ndarray
    topic_scale: np.ndarray
    proportions: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    bound: np.ndarray

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
        """Mean of ``bound``, nats, in place of the log-marginal of other models."""
        return float(np.mean(self.bound))
