"""Coherence, diversity and use of topics and factors, where they are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import engine
from engine.checks import quality
from engine.checks.quality import coherence, leading, matched_cosines, programmes
from tests.dashboard.synthetic import make_topic_fit
from tests.engine.jobs.fakes import make_fit
from tests.engine.problems import counts_of


def topic_fit(topics: np.ndarray, proportions: np.ndarray) -> engine.TopicFit:
    """A fit with given (F, K) topics and (C, K) proportions."""
    counts = counts_of(np.ones((len(proportions), len(topics))))
    fit = make_topic_fit(topics=topics.shape[1])
    cells = {"cells": counts.cells, "proportions": proportions}
    return replace(fit, genes=counts.genes, topics=topics, **cells)


class TestCoherence:
    def test_against_the_formula(self) -> None:
        matrix = np.random.default_rng(0).poisson(0.7, (40, 6))
        seen = matrix > 0
        values = []
        for i, j in ((0, 2), (0, 5), (2, 5)):
            both = (seen[:, i] & seen[:, j]).mean()
            own = np.log(both / (seen[:, i].mean() * seen[:, j].mean()))
            values.append(own / -np.log(both))
        found = coherence([np.array([5, 0, 2])], counts_of(matrix))
        assert found == pytest.approx(np.mean(values), rel=1e-5)

    def test_its_ends(self) -> None:
        always = np.repeat([[3, 1], [0, 0]], 5, axis=0)
        never = np.repeat([[3, 0], [0, 2]], 5, axis=0)
        apart = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
        everywhere = np.ones((4, 2))
        pair = [np.array([0, 1])]
        found = [coherence(pair, counts_of(m)) for m in (always, never, apart, everywhere)]
        assert found == pytest.approx([1, -1, 0, 0], abs=1e-6)

    def test_genes_that_no_cell_has_are_left_out(self) -> None:
        matrix = np.repeat([[3, 1, 0], [0, 0, 0]], 5, axis=0)
        whole = coherence([np.array([0, 1, 2])], counts_of(matrix))
        assert whole == pytest.approx(1, abs=1e-6)
        assert np.isnan(coherence([np.array([0, 2])], counts_of(matrix)))


class TestQuality:
    def test_diversity_and_use_of_topics(self) -> None:
        """30 genes: two topics share their 25 leading ones, the third shares 20 with them."""
        topics = np.full((30, 3), 0.001)
        topics[:25, :2] = 1.0
        topics[5:, 2] = 1.0
        shares = np.tile([0.5, 0.5, 0.0], (8, 1))
        found = quality(topic_fit(topics / topics.sum(0), shares), counts_of(np.ones((4, 30))))
        assert found.diversity == pytest.approx(30 / 75)
        assert found.effective == pytest.approx(2.0)

    def test_both_ends_of_a_factor(self) -> None:
        fit = make_fit(1)
        fit = replace(fit, loadings=np.array([[0.5], [-1.0], [0.2], [9.0]]))
        # The last is the pooled rest, and the third at neither end.
        assert [list(part) for part in leading(fit, 1)] == [[0], [1]]
        found = quality(fit, engine.Counts.from_arrays(np.ones((3, 4)), fit.genes, list("abc")))
        assert found.diversity == 1.0
        assert found.effective == pytest.approx(1.0)

    def test_true_topics_are_more_coherent_than_mixed_ones(self) -> None:
        rng = np.random.default_rng(1)
        topics = rng.dirichlet(np.full(60, 0.05), 3).T
        shares = rng.dirichlet(np.full(3, 0.05), 300)
        matrix = np.stack([rng.multinomial(60, p @ topics.T) for p in shares])
        counts = counts_of(matrix)
        true = topic_fit(topics, shares)
        mixed = replace(true, topics=rng.permuted(topics, axis=0))
        assert quality(true, counts).coherence > quality(mixed, counts).coherence + 0.1


def test_matched_cosines_forget_order_scale_and_sign() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=(50, 4))
    other = -3 * one[:, [2, 0, 3, 1]]
    np.testing.assert_allclose(matched_cosines(one, other), 1.0)
    other[:, 1] = rng.normal(size=50)
    assert (matched_cosines(one, other) > 0.999).sum() == 3
    assert np.isfinite(matched_cosines(one, np.zeros((50, 4)))).all()


def test_the_pooled_rest_does_not_make_fits_alike() -> None:
    fit = make_fit(1)
    assert list(fit.genes)[-1] == "_other"
    np.testing.assert_array_equal(programmes(fit), fit.loadings[:3])
