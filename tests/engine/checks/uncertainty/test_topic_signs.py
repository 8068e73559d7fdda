"""False sign rates of the genes of topics, from replicates that are made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.checks import TopicUncertainty
from engine.lda.mixtures import count_shares
from engine.results import TopicFit
from tests.dashboard.synthetic import make_topic_fit

GENES, BOOT = 100, 30


def around(topics: np.ndarray, error: np.ndarray | float, seed: int) -> np.ndarray:
    """Topics whose logarithms are off by a normal error."""
    rng = np.random.default_rng(seed)
    found = topics * np.exp(error * rng.standard_normal(topics.shape))
    return found / found.sum(0)


def told(true: np.ndarray, error: float) -> tuple[TopicFit, TopicUncertainty]:
    """A fit that misses the truth as its replicates miss the fit."""
    made = make_topic_fit(80, GENES, true.shape[1])
    fit = replace(made, topics=around(true, error, 0))
    replicates = np.stack([around(fit.topics, error, 1 + one) for one in range(BOOT)])
    cosines = np.ones((BOOT, true.shape[1]))
    return fit, TopicUncertainty(fit.topics, replicates, cosines, fit.is_gene, fit.status.passes)


def base() -> np.ndarray:
    one = np.exp(np.random.default_rng(5).normal(0, 1, GENES + 1))
    return np.asarray(np.tile(one[:, None] / one.sum(), (1, 3)))


def test_nothing_is_claimed_of_topics_that_are_one() -> None:
    fit, found = told(base(), 0.3)
    assert all(found.lfsr(fit, topic).min() > 0.05 for topic in range(3))


def test_genes_that_a_topic_has_more_or_less_of_are_told_and_signs_hold() -> None:
    true = base()
    true[:10, 0] *= 4
    true[10:20, 0] /= 4
    true /= true.sum(0)
    fit, found = told(true, 0.2)
    rates = found.lfsr(fit, 0)
    assert rates.shape == (GENES + 1,)
    assert (rates[:20] < 0.05).mean() > 0.9
    # The rate is that of the side on which the lift stands beside it.
    made, sure = count_shares(fit), rates < 0.05
    lift, real = (one[:, 0] / (one @ made) for one in (fit.topics, true))
    assert (np.log(lift) * np.log(real) <= 0)[sure].mean() < 0.05
    assert (np.log(lift) * np.log(real) <= 0).mean() > 0.05


def test_one_count_is_no_claim() -> None:
    """It stays where it is in every replicate, whatever the weight of its cell."""
    true = base()
    fit, _ = told(true, 0.2)
    one = 1 / (count_shares(fit) * fit.total_counts.sum())
    topics = fit.topics.copy()
    topics[:2] = [[one[0], 0, 0], [300 * one[0], 0, 0]]
    weights = np.random.default_rng(3).standard_exponential(BOOT)
    replicates = np.stack([around(topics, 0.05, seed) for seed in range(BOOT)])
    replicates[:, 0, 0] *= weights
    found = TopicUncertainty(topics, replicates, np.ones((BOOT, 3)), fit.is_gene, 1)
    rates = found.lfsr(replace(fit, topics=topics), 0)
    assert rates[0] > 0.05
    assert rates[1] < 0.05


def test_a_gene_of_few_counts_that_a_topic_lacks_is_no_claim() -> None:
    """It is at the bound in every replicate: their spread says nothing of it."""
    true = base()
    fit, _ = told(true, 0.2)
    made = count_shares(fit) * fit.total_counts.sum()
    topics = fit.topics.copy()
    topics[0] = [0, 3 / made[1], 3 / made[2]]
    topics[1] = [0, 1000 / made[1], 1000 / made[2]]
    replicates = np.stack([around(topics, 0.05, seed) for seed in range(BOOT)])
    found = TopicUncertainty(topics, replicates, np.ones((BOOT, 3)), fit.is_gene, 1)
    rates = found.lfsr(replace(fit, topics=topics), 0)
    assert rates[0] > 0.05
    assert rates[1] < 0.05


def test_one_topic_has_no_others() -> None:
    fit = make_topic_fit(20, GENES, 1)
    found = TopicUncertainty(
        fit.topics, np.stack([fit.topics] * 3), np.ones((3, 1)), fit.is_gene, 1
    )
    np.testing.assert_array_equal(found.lfsr(fit, 0), 1)
