"""Uncertainty of topics and their rankings, by refits of weighted cells."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self, cast

import numpy as np

from engine.checks.quality import paired
from engine.checks.uncertainty import saving
from engine.checks.uncertainty.bootstrap import FEWEST, MOST, cell_weights
from engine.checks.uncertainty.delta_method import as_normal, reach
from engine.checks.uncertainty.iterate import UncertaintyProgress, own_counts
from engine.checks.uncertainty.shrinkage import learned, shrink
from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.blocks import Blocks
from engine.fitting.compilation import keep_compilations
from engine.lda.climb import WINDOW, Climb
from engine.lda.equations import TINY
from engine.lda.passes import Estimate
from engine.results import AnyFit
from engine.validation import whole

if TYPE_CHECKING:
    from engine.results import TopicFit

# Most passes of a replicate, and about how many one takes.
_MOST_PASSES, _TYPICAL_PASSES = 100, 40


class TopicsUncertainty(NamedTuple):
    """Uncertainty of the features' probabilities in each topic, each (F, K).

    ``standard_error`` is that of their logarithms, on whose scale the 90 % interval is symmetric.
    """

    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class TopicUncertainty(saving.Saved):
    """Uncertainty of an LDA with F features and K topics, by the bootstrap.

    Attributes
    ----------
    centre
        (F, K) feature probabilities of the fit.
    replicates
        (n, F, K) probabilities of the replicates, topics paired with the fit's.
    cosines
        (n, K) cosines of the replicates' topics with the fit's.
    is_gene
        (F,) mask of the real genes, which alone are ranked.
    passes
        Passes that the fit had made.
    """

    centre: np.ndarray
    replicates: np.ndarray
    cosines: np.ndarray
    is_gene: np.ndarray
    passes: int

    @property
    def n_boot(self) -> int:
        """Number of replicates."""
        return len(self.replicates)

    @property
    def stability(self) -> np.ndarray:
        """(K,) mean cosine of each topic with its match in the replicates."""
        return np.asarray(self.cosines.mean(0))

    def topics(self) -> TopicsUncertainty:
        """Standard errors and 90 % intervals of the feature probabilities."""
        error = np.log(np.maximum(self.replicates, TINY)).std(0, ddof=1, dtype=float)
        factor = np.exp(reach(error, self.n_boot - 1))
        return TopicsUncertainty(error, self.centre / factor, np.minimum(self.centre * factor, 1))

    def among_top(self, n: int = 20) -> np.ndarray:
        """(F, K) share of the replicates in which a gene is among the n most probable."""
        hits = np.zeros(self.centre.shape)
        for topics in self.replicates:
            hits += top(topics, self.is_gene, n)
        return hits / self.n_boot

    def top_stability(self, n: int = 20) -> np.ndarray:
        """(K,) share of a topic's n most probable genes that a replicate has among its own n."""
        own = top(self.centre, self.is_gene, n)
        return np.asarray((self.among_top(n) * own).sum(0) / own.sum(0))

    def lfsr(self, fit: AnyFit, topic: int) -> np.ndarray:
        """(F,) local false sign rate of each feature's lift in a topic.

        Probability that the feature is not truly more frequent there than in the other topics,
        weighted by their counts, although its lift is above 1; or not less frequent, if it is
        below. The logarithm of that ratio, one count of the topic added to either side as in
        `engine.summaries.distinctiveness`, has the standard deviation of the replicates, and is
        shrunk with a prior learned from all genes (`shrinkage`). Standard errors from counts alone
        are too small: they leave out which counts are the topic's. They are the least errors, as a
        gene that a topic lacks is at the bound in every replicate.
        """
        made = fit.shares()
        if len(made) < 2:
            return np.ones(len(self.centre))
        made = made * fit.total_counts.sum(dtype=float)
        one = 1 / max(float(made[topic]), 1.0)
        mine = np.arange(len(made)) == topic
        others = np.where(mine, 0.0, made)
        others /= max(float(others.sum()), TINY)

        def ratio(topics: np.ndarray) -> np.ndarray:
            rest = topics.astype(float) @ others
            return np.asarray(np.log(topics[..., topic] + one) - np.log(rest + one))

        own = ratio(self.centre)
        spread = np.std([ratio(topics) for topics in self.replicates], axis=0, ddof=1)
        counted = self.centre @ np.stack([made * mine, made * ~mine], -1)
        spread = np.maximum(spread, np.sqrt((1 / (counted + 1)).sum(1)))
        error = as_normal(own, spread, self.n_boot - 1)
        return shrink(own, error, learned(own[self.is_gene], error[self.is_gene])).lfsr

    def to_arrays(self) -> saving.Arrays:
        """The arrays to save."""
        names = ("centre", "replicates", "cosines", "is_gene")
        arrays = {f"topics_{name}": getattr(self, name) for name in names}
        return arrays | {"passes": np.array(self.passes)}

    @classmethod
    def from_arrays(cls, arrays: saving.Arrays) -> Self:
        """The inverse of `to_arrays`."""
        return cls(
            centre=arrays["topics_centre"],
            replicates=arrays["topics_replicates"],
            cosines=arrays["topics_cosines"],
            is_gene=arrays["topics_is_gene"],
            passes=int(arrays["passes"]),
        )


def top(topics: np.ndarray, is_gene: np.ndarray, n: int) -> np.ndarray:
    """(F, K) mask of the n most probable real genes of each topic."""
    ranked = np.where(is_gene[:, None], topics, -1.0)
    order = np.argsort(-ranked, axis=0, kind="stable")[: min(n, int(is_gene.sum()))]
    mask = np.zeros(topics.shape, bool)
    np.put_along_axis(mask, order, True, axis=0)
    return mask


def topic_bootstrap(
    fit: AnyFit, counts: Counts, *, n_boot: int = 50, seed: int = 0
) -> TopicUncertainty:
    """Uncertainty of topics by refitting weighted cells; see `topic_bootstrap_iter`."""
    *_, last = topic_bootstrap_iter(fit, counts, n_boot=n_boot, seed=seed)
    if last.uncertainty is None:
        raise RuntimeError("the last step has the result")
    return last.uncertainty


def topic_bootstrap_iter(
    fit: AnyFit, counts: Counts, *, n_boot: int = 50, seed: int = 0
) -> Iterator[UncertaintyProgress[TopicUncertainty]]:
    """Refit topics to weighted cells, yielding progress; to stop, cease pulling.

    As `bootstrap_iter` does for factors. Each replicate climbs by EM from the fit, so that it finds
    no other optimum than the one near it.

    Parameters
    ----------
    counts
        The cells of the fit; genes matched by name.
    n_boot
        Replicates, 2 to 1000.

    Raises
    ------
    ConfigError
        If the fit is no LDA by ``inference="em"``, or a number is out of range.
    DataError
        If the counts lack genes of the fit, or no cell has counts of them.
    """
    if not fit.can("topic_uncertainty"):
        raise ConfigError(
            "an LDA by inference='em', which refits weighted cells",
            f"{fit.model} by {fit.config.inference!r}",
            "Fit these topics by inference='em'."
            if fit.can("mixtures")
            else "Use the bootstrap of factors.",
        )
    whole("n_boot", n_boot, FEWEST, MOST)
    whole("seed", seed, 0, 2**32 - 1)
    return _replicates(cast("TopicFit", fit), own_counts(fit, counts), n_boot, seed)


def _replicates(
    fit: TopicFit, counts: Counts, n_boot: int, seed: int
) -> Generator[UncertaintyProgress[TopicUncertainty], None, None]:
    keep_compilations()
    yield UncertaintyProgress(0.0)
    made: list[np.ndarray] = []
    cosines: list[np.ndarray] = []
    for number in range(n_boot):
        weights = cell_weights(counts.n_cells, seed, number)
        steps = _refit(fit, counts, weights)
        while True:
            try:
                yield UncertaintyProgress((number + next(steps)) / n_boot)
            except StopIteration as end:
                topics = end.value.T
                break
        order, alike = paired(fit.topics, topics)
        made.append(topics[:, order].astype(np.float32))
        cosines.append(alike)
        result = None
        if number:
            result = TopicUncertainty(
                fit.topics, np.stack(made), np.stack(cosines), fit.is_gene, fit.status.passes
            )
        yield UncertaintyProgress((number + 1) / n_boot, result)


def _refit(
    fit: TopicFit, counts: Counts, weights: np.ndarray
) -> Generator[float, None, np.ndarray]:
    """(K, F) topics; yields the share of the work that is done."""
    config = fit.config
    shares = np.full((counts.n_cells, fit.n_topics), 1 / fit.n_topics, np.float32)
    position = fit.cells.get_indexer(counts.cells)
    shares[position >= 0] = fit.proportions[position[position >= 0]]
    at = Estimate(shares, np.asarray(fit.topics.T, np.float32))
    blocks = Blocks(counts, config.block_cells, weights=weights)
    climb = Climb(blocks, at, config.alpha, config.eta(counts.n_genes))
    for passed in range(_MOST_PASSES):
        for share in climb.step():
            yield min((passed + share) / _TYPICAL_PASSES, 0.95)
        if passed >= WINDOW and climb.gain < config.tolerance * counts.n_cells:
            break
    assert climb.best is not None
    return climb.best.next.topics
