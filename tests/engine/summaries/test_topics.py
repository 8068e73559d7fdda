from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine import summaries
from engine.results import OTHER, Fit, TopicFit
from tests.engine.summaries.made_topics import made_topics, topic_fits
from tests.engine.summaries.made_up import fits, made

either = st.one_of(fits, topic_fits)


def real(fit: Fit | TopicFit) -> list[str]:
    return [gene for gene in fit.genes if gene != OTHER]


class TestRanking:
    @settings(max_examples=25)
    @given(topic_fits, st.floats(0, 1))
    def test_relevance_is_the_formula(self, fit: TopicFit, weight: float) -> None:
        for topic in range(fit.n_topics):
            table = summaries.ranking(fit, topic, "relevance", weight)
            assert sorted(table.index) == sorted(real(fit))
            assert (np.diff(table["relevance"]) <= 0).all()
            made = fit.total_counts @ fit.proportions
            overall = pd.Series(fit.topics @ made / made.sum(), fit.genes)
            for gene in table.index:
                p = fit.topics[fit.genes.get_loc(gene), topic]
                row = table.loc[gene]
                assert row["probability"] == p
                assert row["overall"] == pytest.approx(overall[gene])
                # A topic that no cell has may hold genes that no other has.
                if p > 0 and overall[gene] > 0:
                    lift = p / overall[gene]
                    assert row["lift"] == pytest.approx(lift)
                    expected = weight * np.log(p) + (1 - weight) * np.log(lift)
                    assert row["relevance"] == pytest.approx(expected)

    @settings(max_examples=25)
    @given(topic_fits)
    def test_at_one_relevance_ranks_by_probability_and_at_zero_by_lift(self, fit: TopicFit) -> None:
        one = summaries.ranking(fit, 0, "relevance", 1.0)
        assert list(one.index) == list(summaries.ranking(fit, 0, "probability").index)
        assert (np.diff(one["probability"]) <= 0).all()
        lift = summaries.ranking(fit, 0, "relevance", 0.0)["lift"].to_numpy()
        assert (np.diff(lift) <= 1e-9 * lift[:-1]).all()

    @settings(max_examples=25)
    @given(topic_fits)
    def test_distinctiveness_against_the_next_best_by_brute_force(self, fit: TopicFit) -> None:
        table = summaries.distinctiveness(fit)
        counts = fit.total_counts @ fit.proportions
        for t in range(fit.n_topics):
            one = 1 / max(counts[t], 1)
            others = [s for s in range(fit.n_topics) if s != t] or [t]
            for gene in real(fit):
                p = fit.topics[fit.genes.get_loc(gene)]
                against = max(p[s] for s in others)
                expected = np.log2((p[t] + one) / (against + one))
                assert table.iloc[:, t][gene] == pytest.approx(expected, abs=1e-9)
            ranked = summaries.ranking(fit, t, "distinctiveness")["distinctiveness"]
            assert ranked.to_dict() == table.iloc[:, t].to_dict()
            assert (np.diff(ranked) <= 0).all()

    def test_a_gene_of_few_counts_is_not_the_most_distinctive(self) -> None:
        fit = made_topics(4, 2, 0, pooled=False)
        # gene_0 lacks in the other topic but has few counts; gene_1 is sixteen times as frequent
        topics = np.array([[2e-5, 0], [0.16, 0.01], [0.5, 0.5], [0.33998, 0.49]])
        fit = replace(fit, topics=topics)
        assert summaries.ranking(fit, 0, "distinctiveness").index[0] == "gene_1"
        assert summaries.ranking(fit, 0, "relevance", 0.0).index[0] == "gene_0"

    @settings(max_examples=25)
    @given(fits)
    def test_factors_by_loading_and_distinctiveness(self, fit: Fit) -> None:
        table = summaries.loadings(fit)
        for j, name in enumerate(fit.factor_names):
            ranked = summaries.ranking(fit, j)
            pd.testing.assert_series_equal(
                ranked["loading"].sort_index(), table[name].sort_index(), check_names=False
            )
            assert (np.diff(ranked["loading"].abs()) <= 0).all()
            for gene in table.index:
                size = table.loc[gene].abs()
                rest = size.drop(name)
                least = rest.max() if len(rest) else size[name]
                expected = (size[name] - least) / np.log(2)
                assert ranked.loc[gene, "distinctiveness"] == pytest.approx(expected, abs=1e-12)

    def test_what_cannot_be_ranked(self) -> None:
        topics, factors = made_topics(5, 2, 0), made(5, 2, 0)
        with pytest.raises(engine.DataError, match="loading"):
            summaries.ranking(topics, 0, "loading")
        with pytest.raises(engine.DataError, match="relevance"):
            summaries.ranking(factors, 0, "relevance")
        with pytest.raises(engine.DataError, match="unknown 'best'"):
            summaries.ranking(factors, 0, "best")  # type: ignore[arg-type]
        with pytest.raises(engine.DataError, match="a topic from 0 to 1; found 2"):
            summaries.ranking(topics, 2)
        for weight in (-0.1, 1.1, float("nan")):
            with pytest.raises(engine.DataError, match="from 0 to 1"):
                summaries.ranking(topics, 0, "relevance", weight)


class TestMap:
    @settings(max_examples=25)
    @given(either)
    def test_distances_are_those_of_jensen_and_shannon(self, fit: Fit | TopicFit) -> None:
        found = summaries.topic_distances(fit)
        raw = fit.topics if isinstance(fit, TopicFit) else fit.loadings**2
        p = raw / raw.sum(0)

        def entropy(q: np.ndarray) -> float:
            seen = q[q > 0]
            return float(-(seen * np.log2(seen)).sum())

        for s in range(fit.n_factors):
            for t in range(fit.n_factors):
                squared = (
                    entropy((p[:, s] + p[:, t]) / 2) - (entropy(p[:, s]) + entropy(p[:, t])) / 2
                )
                assert found.iloc[s, t] ** 2 == pytest.approx(squared, abs=1e-9)
        values = found.to_numpy()
        np.testing.assert_array_equal(values, values.T)
        assert (np.diag(values) == 0).all()
        assert ((values >= 0) & (values <= 1)).all()

    @settings(max_examples=25)
    @given(either)
    def test_three_or_fewer_are_placed_at_their_distances(self, fit: Fit | TopicFit) -> None:
        placed = summaries.topic_placement(fit)
        xy = placed.table[["x", "y"]].to_numpy()
        apart = np.linalg.norm(xy[:, None] - xy[None], axis=2)
        wanted = summaries.topic_distances(fit).to_numpy()
        # a projection brings no two further apart
        assert (apart <= wanted + 1e-6).all()
        if fit.n_factors <= 3:
            np.testing.assert_allclose(apart, wanted, atol=1e-6)
            if fit.n_factors > 1 and wanted.max() > 1e-3:
                assert sum(placed.explained) == pytest.approx(1)
        assert list(placed.table["share"]) == list(summaries.factor_shares(fit))
        np.testing.assert_allclose(xy.sum(0), 0, atol=1e-6)

    def test_topics_that_are_the_same_lie_on_one_another(self) -> None:
        fit = made_topics(6, 3, 0)
        same = np.repeat(fit.topics[:, :1], 3, axis=1)
        placed = summaries.topic_placement(replace(fit, topics=same))
        assert np.isfinite(placed.table.to_numpy()).all()
        np.testing.assert_allclose(placed.table[["x", "y"]], 0, atol=1e-6)

    def test_factors_without_loadings_have_a_place(self) -> None:
        fit = made(6, 3, 0)
        found = summaries.topic_distances(replace(fit, loadings=0 * fit.loadings))
        assert (found.to_numpy() == 0).all()
