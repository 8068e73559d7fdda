"""Parameters of simulated counts: one function for each kind of model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Size(NamedTuple):
    """Numbers of cells, of genes (the reference included) and of factors or topics."""

    cells: int
    genes: int
    factors: int


class Truth(NamedTuple):
    """The parameters of simulated counts, and the proportions that they give to cells.

    Attributes
    ----------
    composition
        Returns the proportions, perhaps not normalised, of the cells from one position to
        another; it may draw them at random.
    cells, genes, obs, var
        The parameters to save, by name: arrays of cells and genes, and columns.
    pooled_last
        Whether the last gene stands for the pooled rest.
    """

    composition: Callable[[int, int], np.ndarray]
    cells: Mapping[str, np.ndarray]
    genes: Mapping[str, np.ndarray]
    obs: Mapping[str, Any]
    var: Mapping[str, Any]
    pooled_last: bool


def topics(
    rng: np.random.Generator,
    size: Size,
    proportion_concentration: float | None = None,
    topic_concentration: float | None = None,
) -> Truth:
    """LDA: ``theta_c beta``, both Dirichlet."""
    cells, genes, factors = size
    proportions = rng.dirichlet(
        np.full(factors, proportion_concentration or 1 / factors), size=cells
    )
    topics = rng.dirichlet(np.full(genes, topic_concentration or 1 / factors), size=factors)
    largest = pd.Categorical([f"topic {j + 1}" for j in proportions.argmax(axis=1)])
    return Truth(
        lambda start, stop: proportions[start:stop] @ topics,
        {"true_proportions": proportions},
        {"true_topics": topics.T.copy()},
        {"true_topic": largest},
        {},
        pooled_last=False,
    )


def log_ratios(
    rng: np.random.Generator,
    size: Size,
    expression_spread: float,
    loading_scale: float,
    noise: float,
    noise_spread: float,
) -> Truth:
    """LNM: ``exp(mu + W z_c + eps_c)``; the last gene is the reference."""
    cells, genes, factors = size
    logits = rng.normal(0, expression_spread, genes)
    # A pooled rest is well expressed; the 90 % quantile informs every cell without dominating.
    mean_logit = logits - np.quantile(logits, 0.9)
    loadings = rng.normal(0, loading_scale, (genes, factors))
    variance = noise * np.exp(rng.normal(0, noise_spread, genes))
    mean_logit[-1], loadings[-1], variance[-1] = 0.0, 0.0, 0.0
    scores = rng.standard_normal((cells, factors))

    def composition(start: int, stop: int) -> np.ndarray:
        logits = rng.standard_normal((stop - start, genes)) * np.sqrt(variance)
        logits += mean_logit + scores[start:stop] @ loadings.T
        return np.asarray(np.exp(logits - logits.max(axis=1, keepdims=True)))

    return Truth(
        composition,
        {"true_scores": scores},
        {"true_loadings": loadings},
        {},
        {"true_mean": mean_logit, "true_noise": variance},
        pooled_last=True,
    )


class Kind(NamedTuple):
    """A model that counts can be drawn from, and whether cells have a capture efficiency."""

    model: str
    draw: Callable[..., Truth]
    captures: bool = False


KINDS = (
    Kind("lnm", log_ratios),
    Kind("lnmvcp", log_ratios, captures=True),
    Kind("lda", topics),
)
