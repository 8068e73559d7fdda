"""What is asked of a fit: proportions, topics, bounds, of its own cells and of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import engine
from engine.data import Counts
from engine.lda.means import softmax_means
from tests.engine.lda.conftest import Simulated
from tests.engine.problems import dense

pytestmark = pytest.mark.fit


class TestMeans:
    def test_a_point_is_exact(self) -> None:
        logits = np.random.default_rng(0).normal(size=(5, 3))
        found = softmax_means(logits, np.zeros((5, 3)), 5000)
        expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_against_quadrature(self) -> None:
        """Two components: the mean is an integral over the difference of the logits."""
        location, scale = np.array([[0.3, -0.5], [2.0, 0.0]]), np.array([[1.0, 0.5], [2.0, 2.0]])
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        sd = np.sqrt((scale**2).sum(1))
        inside = (location[:, 0] - location[:, 1])[:, None] + sd[:, None] * nodes
        expected = (weights / (1 + np.exp(-inside))).sum(1) / weights.sum()
        np.testing.assert_allclose(
            softmax_means(location, scale, 20_000)[:, 0], expected, atol=0.005
        )

    def test_rows_do_not_depend_on_their_company(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rng = np.random.default_rng(1)
        location, scale = rng.normal(size=(50, 4)), rng.uniform(0.1, 2, (50, 4))
        whole = softmax_means(location, scale, 999)
        np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-5)
        np.testing.assert_allclose(
            softmax_means(location[7:9], scale[7:9], 999), whole[7:9], rtol=1e-5
        )
        # However few draws are held at a time.
        monkeypatch.setattr("engine.lda.means._ELEMENTS", 64)
        np.testing.assert_allclose(softmax_means(location, scale, 999), whole, rtol=1e-4)


class TestQuestions:
    def test_tables(self, simulated: Simulated, em_fit: engine.TopicFit) -> None:
        cells, genes = engine.topic_proportions(em_fit), engine.feature_by_topic(em_fit)
        assert list(cells) == list(genes) == ["topic 1", "topic 2", "topic 3", "topic 4"]
        assert cells.index.equals(simulated.counts.cells)
        assert genes.index.equals(simulated.counts.genes)
        np.testing.assert_allclose(cells.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(genes.sum(axis=0), 1, rtol=1e-5)
        np.testing.assert_allclose(genes, em_fit.topics, rtol=1e-3, atol=1e-7)

    def test_topics_come_in_the_order_of_their_counts(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        shares = simulated.counts.totals @ em_fit.proportions
        assert (np.diff(shares) <= 0).all()

    def test_the_cells_of_the_fit_as_other_cells(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        again = engine.topic_proportions(em_fit, simulated.counts)
        np.testing.assert_allclose(again, em_fit.proportions, atol=3e-3)

    def test_a_subset_of_cells_gets_the_same_answers(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        counts = simulated.counts
        whole = engine.topic_proportions(em_fit, counts)
        for subset in (np.array([5]), np.arange(3, 300, 7)):
            some = counts.take(subset)
            np.testing.assert_allclose(
                engine.topic_proportions(em_fit, some), whole.iloc[subset], atol=1e-3
            )
            assert np.isfinite(engine.elbo(em_fit, some))
            assert engine.perplexity(em_fit, some) > 1

    def test_calls_agree(self, simulated: Simulated, em_fit: engine.TopicFit) -> None:
        pd.testing.assert_frame_equal(
            engine.topic_proportions(em_fit, simulated.counts),
            engine.topic_proportions(em_fit, simulated.counts),
        )
        assert engine.elbo(em_fit, simulated.counts) == engine.elbo(em_fit, simulated.counts)

    def test_genes_are_matched_by_name(self, simulated: Simulated, em_fit: engine.TopicFit) -> None:
        counts = simulated.counts
        whole = engine.topic_proportions(em_fit, counts)
        order = np.random.default_rng(0).permutation(counts.n_genes)
        shuffled = Counts.from_arrays(dense(counts)[:, order], counts.genes[order], counts.cells)
        np.testing.assert_allclose(engine.topic_proportions(em_fit, shuffled), whole, atol=2e-3)
        # Genes that the fit does not know are left out.
        more = Counts.from_arrays(
            np.hstack([np.full((counts.n_cells, 1), 9), dense(counts)]),
            ["unknown", *counts.genes],
            counts.cells,
        )
        np.testing.assert_allclose(engine.topic_proportions(em_fit, more), whole, atol=2e-3)
        assert engine.perplexity(em_fit, more) == pytest.approx(engine.perplexity(em_fit, counts))

    def test_missing_genes_are_named(self, simulated: Simulated, em_fit: engine.TopicFit) -> None:
        counts = simulated.counts
        fewer = Counts.from_arrays(dense(counts)[:, 2:], counts.genes[2:], counts.cells)
        with pytest.raises(engine.DataError, match=r"2 missing \(gene_1, gene_2\)") as caught:
            engine.topic_proportions(em_fit, fewer)
        assert caught.value.remedy
        with pytest.raises(engine.DataError, match="missing"):
            engine.perplexity(em_fit, fewer)

    @pytest.mark.parametrize("wrong", [0, -5, 2.5, True, None])
    def test_a_number_of_samples_that_is_none(self, em_fit: engine.TopicFit, wrong: object) -> None:
        with pytest.raises(engine.ConfigError, match="n_samples"):
            engine.feature_by_topic(em_fit, wrong)  # type: ignore[arg-type]


class TestSigns:
    def test_the_bound_is_negative_and_below_the_log_likelihood(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        value = engine.elbo(em_fit, simulated.counts)
        assert value < em_fit.log_marginal_per_cell < 0
        assert value == pytest.approx(em_fit.log_marginal_per_cell, rel=0.02)

    def test_perplexity_is_its_exponential_per_count(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        counts = simulated.counts
        value = engine.perplexity(em_fit, counts)
        per_count = engine.elbo(em_fit, counts) * counts.n_cells / counts.totals.sum()
        assert value == pytest.approx(np.exp(-per_count), rel=1e-5)
        assert 1 < value < counts.n_genes

    def test_a_better_fit_has_a_higher_bound_and_a_lower_perplexity(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        # Two topics, each of them twice.
        merged = (em_fit.topics + em_fit.topics[:, [1, 0, 3, 2]]) / 2
        poor = replace(em_fit, topics=merged)
        assert engine.elbo(poor, simulated.counts) < engine.elbo(em_fit, simulated.counts)
        assert engine.perplexity(poor, simulated.counts) > engine.perplexity(
            em_fit, simulated.counts
        )

    def test_even_topics_have_the_number_of_features_as_perplexity(
        self, simulated: Simulated, em_fit: engine.TopicFit
    ) -> None:
        even = replace(em_fit, topics=np.full_like(em_fit.topics, 1 / len(em_fit.genes)))
        assert engine.perplexity(even, simulated.counts) == pytest.approx(
            len(em_fit.genes), rel=0.01
        )
