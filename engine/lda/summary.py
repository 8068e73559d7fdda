"""Summaries of a fit of topics: the tables of `engine.summaries` for this model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from engine.fitting.summarised import next_best
from engine.fitting.vocabulary import Capability, Measure
from engine.fitting.words import Methods
from engine.lda import mixtures, words
from engine.lda.arrays import TopicArrays
from engine.per_fit import per_fit

_TINY = float(np.finfo(float).tiny)


class TopicSummary(TopicArrays):
    """Members of `engine.fitting.fit_protocol.FittedModel` that need only the arrays of a fit."""

    measures: tuple[Measure, ...] = ("probability", "relevance", "distinctiveness")

    def can(self, what: Capability) -> bool:
        """Whether the fit has this, see `engine.fitting.fit_protocol.FittedModel`."""
        if what == "topic_uncertainty":
            return self.config.inference == "em"
        return what == "mixtures"

    def cell_weights(self) -> np.ndarray:
        """(C, K) proportions."""
        return self.proportions

    def coordinates(self) -> np.ndarray:
        """(C, K) log-ratios of the proportions, see `engine.lda.mixtures.coordinates`."""
        return mixtures.coordinates(self)

    def programmes(self) -> np.ndarray:
        """(F, K) probabilities of the features."""
        return self.topics

    def gene_loadings(self) -> np.ndarray:
        """(F, K) log fold changes against the geometric mean over topics, nats."""
        return mixtures.fold_changes(self)

    def gene_weights(self, loadings: pd.DataFrame) -> pd.DataFrame:
        """``beta_gk log(beta_gk / mean)`` of the real genes, from their loadings."""
        return loadings * self.topics[self.is_gene]

    def gene_information(self) -> pd.Series:
        """Information of each real gene on the topic of a count, nats."""
        return pd.Series(mixtures.information(self), index=self.genes)[self.is_gene]

    def gene_spread(self) -> np.ndarray:
        """(F,) what the topics add to the variance of a count, relative to its mean."""
        mean = self.topics.mean(1)
        spread = self.topics.var(1) / np.maximum(mean, 1e-30) ** 2
        return np.asarray(mean * spread)

    def shares(self) -> np.ndarray:
        """(K,) share of all counts that each topic makes."""
        return mixtures.count_shares(self)

    def mean_shares(self) -> np.ndarray:
        """(K,) mean proportions over the cells."""
        return np.asarray(self.proportions.mean(0))

    def profiles(self) -> np.ndarray:
        """(F, K) probabilities, by which topics are compared."""
        return self.topics.astype(float)

    def clr_mean(self) -> np.ndarray:
        """(F,) mean CLR over the cells, nats."""
        return mixtures.sampled(self).mean

    def clr_variance(self) -> np.ndarray:
        """(F,) CLR variances over the cells."""
        return mixtures.sampled(self).variance()

    def clr_covariance(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(rows, columns) CLR covariances over the cells, at positions of genes."""
        return mixtures.sampled(self).covariance(rows, columns)

    def clr_covariance_with(self, gene: int) -> np.ndarray:
        """(F,) CLR covariances with the gene at one position."""
        everything = np.arange(len(self.genes))
        return mixtures.sampled(self).covariance(everything, np.array([gene]))[:, 0]

    def cell_clr(self, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
        """(cells, genes) CLR of the proportions of the features, at positions."""
        return mixtures.clr(self, cells, genes)

    def contrast(self, selected: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Selected cells less the rest, see `engine.lda.mixtures.differences`."""
        return mixtures.differences(self, selected)

    def specificity(self, sums: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """(K,) ``1 - H(q) / log L`` of the mean proportions of L labels.

        Parameters
        ----------
        sums, cells
            (L, K) sums of the proportions over the cells of a label, and (L,) numbers of these.
        """
        means = sums / cells[:, None]
        share = means / np.maximum(means.sum(0), 1e-300)
        entropy = -(share * np.log(np.maximum(share, 1e-300))).sum(0)
        return np.asarray(1 - entropy / np.log(len(cells)) if len(cells) > 1 else 0 * entropy)

    def distinctiveness(self) -> np.ndarray:
        """(real genes, K) log2 fold change against the next best topic."""
        return _ranked(self)[2]

    def ranked(
        self, topic: int, measure: Measure, weight: float
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Columns of the real genes for one topic, and the values that rank them."""
        log_topics, log_all, distinct = _ranked(self)
        log_p = log_topics[:, topic]
        columns = {
            "probability": self.topics[self.is_gene, topic].astype(float),
            "overall": np.exp(log_all),
            "lift": np.exp(log_p - log_all),
            "relevance": weight * log_p + (1 - weight) * (log_p - log_all),
            "distinctiveness": distinct[:, topic],
        }
        return columns, log_p if measure == "probability" else columns[measure]

    def learned(self) -> Sequence[np.ndarray]:
        """The arrays that identify what the fit learned."""
        return [self.topics, self.proportions]

    def methods(self) -> Methods:
        """Sentences of a methods section on the fit."""
        return words.methods(self)


@per_fit
def _ranked(fit: TopicArrays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For real genes w and topics t: log p(w|t) (G, K), log p(w) (G,), distinctiveness (G, K)."""
    topics = fit.topics[fit.is_gene].astype(float)
    shares = mixtures.count_shares(fit)
    # At least one count for an unused topic.
    one = 1 / np.maximum(shares * fit.total_counts.sum(dtype=float), 1)
    distinct = np.log2(topics + one) - np.log2(next_best(topics) + one)
    log_topics = np.log(np.maximum(topics, _TINY))
    return log_topics, np.log(np.maximum(topics @ shares, _TINY)), distinct
