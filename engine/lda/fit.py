"""TopicFit: a fit of latent Dirichlet allocation, in memory and in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from engine.fitting.status import Status
from engine.lda.config import LDAConfig
from engine.lda.summary import TopicSummary


@dataclass(frozen=True)
class TopicFit(TopicSummary):
    """A fitted latent Dirichlet allocation.

    C cells, F features (the pooled ``_other`` included), K topics. Both posteriors are
    logistic-normal, ``softmax(N(location, scale^2))``; a scale of zero is a point estimate, as
    ``inference="em"`` makes.

    Attributes
    ----------
    genes, cells
        Names, (F,) and (C,).
    topics
        (F, K) posterior mean probabilities of the features, for ``"em"`` modes in the softmax
        basis; columns sum to one.
    topic_location, topic_scale
        (F, K) of the posterior of the topics.
    proportions
        (C, K) posterior mean proportions of the topics, for ``"em"`` modes in the softmax
        basis; rows sum to one.
    location, scale
        (C, K) of the posterior of the proportions.
    bound
        (C,) nats, without the multinomial coefficient: log p(u | theta, beta) at the estimates
        of ``"em"``, the evidence lower bound of ``"vae"``. The two are not comparable.
    total_counts
        (C,) counts over the modelled features.
    obs
        The labels that came with the data.
    trace
        One row a pass: pass, seconds, log_marginal_per_cell (the mean of ``bound``). While
        ``"vae"`` trains, the bound uses drawn topics and the encoder alone, so the last row, of
        the final posteriors, is a little higher.
    encoder
        Named arrays of the encoder; empty for ``"em"``.
    data
        Where the counts came from: name, source, layer, fingerprint, what was dropped.
    names
        User-given names of the topics; empty: "topic 1" and so on.
    gene_ids
        (F,) ids of the features; None if only the names are known.
    """

    config: LDAConfig
    genes: pd.Index
    cells: pd.Index
    topics: np.ndarray
    topic_location: np.ndarray
    topic_scale: np.ndarray
    proportions: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    bound: np.ndarray
    total_counts: np.ndarray
    obs: pd.DataFrame
    trace: pd.DataFrame
    status: Status
    encoder: dict[str, np.ndarray] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    gene_ids: pd.Index | None = None
