"""CLR coordinates of single cells that a fit of topics implies.

Latent Dirichlet allocation gives a cell the proportions ``p_cg = sum_k theta_ck beta_gk`` of its
features and no residual of its own, so everything here follows from the topics: genes that are
frequent in the same topics correlate almost perfectly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.lda.arrays import TopicArrays
from engine.per_fit import per_fit

# Size of the sample that represents all cells; smaller if there are many features.
MOST_CELLS = 2_000
_LEAST_CELLS = 250
_ELEMENTS = 8_000_000
# Elements at a time, few enough for the processor's cache.
_BLOCK = 131_072
_TINY = np.float32(np.finfo(np.float32).tiny)
# A spread below this, nats, is rounding error of single precision.
_NO_SPREAD = 1e-4
# Share of a topic, relative to 1/K, that a cell's counts hardly distinguish from none.
_FAINT = 0.1


def fold_changes(fit: TopicArrays) -> np.ndarray:
    """(F, K) ``log beta_gk - mean_k log beta_gk``: CLR of a gene's probabilities over topics, nats.

    The log ratio of a gene's frequency in a topic to its geometric mean over topics.
    """
    logs = np.log(np.maximum(fit.topics.astype(float), float(_TINY)))
    return np.asarray(logs - logs.mean(1, keepdims=True))


def count_shares(fit: TopicArrays) -> np.ndarray:
    """(K,) share of all counts that each topic makes, ``sum_c N_c theta_ck / sum_c N_c``."""
    made = fit.total_counts.astype(float) @ fit.proportions
    return np.asarray(made / max(float(made.sum()), float(_TINY)))


def information(fit: TopicArrays) -> np.ndarray:
    """(F,) parts of the mutual information between gene and topic of a count, nats.

    ``sum_k pi_k beta_gk log(beta_gk / p_g)`` with the shares of counts pi and ``p = beta pi``:
    large for genes that are frequent and belong to few topics.
    """
    shares, topics = count_shares(fit), fit.topics.astype(float)
    overall = np.maximum(topics @ shares, float(_TINY))
    lift = np.maximum(topics, float(_TINY)) / overall[:, None]
    return np.asarray((topics * np.log(lift)) @ shares)


def coordinates(fit: TopicArrays) -> np.ndarray:
    """(C, K) CLR of the proportions, each raised by a tenth of the even share 1/K.

    Log-ratios, because proportions sum to one and so correlate negatively. Raised, because
    logarithms exaggerate differences between shares that the cell's counts hardly distinguish
    from none.
    """
    raised = fit.proportions.astype(float) + _FAINT / fit.n_topics
    logs = np.log(raised)
    return np.asarray(logs - logs.mean(1, keepdims=True), np.float32)


def clr(fit: TopicArrays, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """(cells, genes) ``log p_cg - mean_g log p_cg`` at positions, nats, float32.

    The mean is over all features, at a cost of O(cells F K) the first time a cell is requested.
    """
    means = _log_means(fit)
    new = cells[np.isnan(means[cells])]
    size = max(_BLOCK // len(fit.genes), 1)
    everything = np.arange(len(fit.genes))
    for start in range(0, len(new), size):
        block = new[start : start + size]
        means[block] = _logs(fit, block, everything).mean(1)
    return _logs(fit, cells, genes) - means[cells][:, None]


class Sampled(NamedTuple):
    """A sample of cells: ``centred`` (n, F) CLR less its mean, ``mean`` (F,), nats."""

    centred: np.ndarray
    mean: np.ndarray

    def covariance(self, genes: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(genes, others) covariances over the cells, divided by their number."""
        left, right = self.centred[:, genes], self.centred[:, others]
        return np.asarray(left.T @ right, float) / len(left)

    def variance(self) -> np.ndarray:
        """(F,) variances over the cells."""
        return np.asarray(np.einsum("cg,cg->g", self.centred, self.centred), float) / len(
            self.centred
        )


@per_fit
def sampled(fit: TopicArrays) -> Sampled:
    """CLR of all features in at most 2,000 cells, drawn with a fixed seed."""
    cells = draw(np.arange(len(fit.cells)), max(_ELEMENTS // len(fit.genes), _LEAST_CELLS))
    values = clr(fit, cells, np.arange(len(fit.genes)))
    mean = values.mean(0)
    values -= mean
    # With a single topic all cells are equal up to rounding.
    values[:, np.abs(values).max(0) < _NO_SPREAD] = 0
    return Sampled(values, mean)


def draw(cells: np.ndarray, most: int) -> np.ndarray:
    """At most `MOST_CELLS` of the cells, and ``most``, in order; the same at every call."""
    most = min(most, MOST_CELLS)
    if len(cells) <= most:
        return cells
    return np.sort(np.random.default_rng(0).choice(cells, most, replace=False))


def differences(fit: TopicArrays, selected: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Selected cells less the rest: proportions of topics, and CLR of real genes.

    Each table has ``difference``, of the means, and ``effect``, the same in standard deviations
    within the two groups (pooled). For genes, a sample of at most 2,000 cells represents each
    group. Genes are sorted by their parts in the divergence of the groups' mean proportions,
    ``(p_g - q_g) log(p_g / q_g)``: the effect alone is largest for genes with hardly any counts.

    Parameters
    ----------
    selected
        (C,) mask with cells on either side.
    """
    groups = [np.flatnonzero(selected), np.flatnonzero(~selected)]
    topics = _standardised([fit.proportions[group].astype(float) for group in groups])
    most = max(_ELEMENTS // (2 * len(fit.genes)), _LEAST_CELLS)
    real = np.flatnonzero(fit.is_gene)
    genes = _standardised([clr(fit, draw(group, most), real) for group in groups])
    here, there = (
        np.maximum(fit.topics[real].astype(float) @ fit.proportions[group].mean(0), _TINY)
        for group in groups
    )
    order = np.argsort(-(here - there) * np.log(here / there), kind="stable")
    table = pd.DataFrame(genes, index=fit.genes[real])
    return pd.DataFrame(topics, index=fit.factor_names), table.iloc[order]


def _standardised(groups: list[np.ndarray]) -> dict[str, np.ndarray]:
    first, second = (group.mean(0, dtype=float) for group in groups)
    within = sum(len(group) * group.var(0, dtype=float) for group in groups)
    sd = np.sqrt(within / max(sum(map(len, groups)) - 2, 1))
    difference = first - second
    effect = np.divide(difference, sd, out=np.zeros_like(difference), where=sd > _NO_SPREAD)
    return {"difference": difference, "effect": effect}


@per_fit
def _log_means(fit: TopicArrays) -> np.ndarray:
    """(C,) means over all features of the log proportions; NaN until first computed."""
    return np.full(len(fit.cells), np.nan, np.float32)


def _logs(fit: TopicArrays, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
    proportions = fit.proportions[cells].astype(np.float32, copy=False)
    topics = fit.topics[genes].astype(np.float32, copy=False)
    return np.asarray(np.log(np.maximum(proportions @ topics.T, _TINY)))
