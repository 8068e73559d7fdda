from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import summaries
from engine.results import Fit, TopicFit
from tests.engine.summaries.made_topics import made_topics, topic_fits
from tests.engine.summaries.made_up import made


def shuffled(fit: TopicFit, seed: int) -> tuple[TopicFit, np.ndarray]:
    """The same fit with topics, cells and genes in another order."""
    rng = np.random.default_rng(seed)
    topics, cells, genes = (
        rng.permutation(n) for n in (fit.n_topics, len(fit.cells), len(fit.genes))
    )
    return replace(
        fit,
        genes=fit.genes[genes],
        cells=fit.cells[cells],
        topics=fit.topics[genes][:, topics],
        proportions=fit.proportions[cells][:, topics],
        total_counts=fit.total_counts[cells],
        obs=fit.obs.iloc[cells],
    ), topics


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_a_fit_in_another_order_is_recognised(seed: int) -> None:
    fit = made_topics(60, 4, seed, cells=50)
    other, order = shuffled(fit, seed)
    found = summaries.match(fit, other, 8)
    best = summaries.best_matches(found)
    assert list(order[best["place"]]) == [0, 1, 2, 3]
    np.testing.assert_allclose(best["correlation"], 1)
    assert (best["overlap"] == 1).all()
    assert list(best["match"]) == [f"topic {place + 1}" for place in best["place"]]
    assert (found.genes, found.cells) == (59, 50)


@settings(max_examples=20)
@given(topic_fits, topic_fits)
def test_against_brute_force(one: TopicFit, two: TopicFit) -> None:
    found = summaries.match(one, two, 3)
    genes = [g for g in one.genes[one.is_gene] if g in two.genes[two.is_gene]]
    cells = [c for c in one.cells if c in two.cells]
    x = pd.DataFrame(one.proportions, one.cells).loc[cells]
    y = pd.DataFrame(two.proportions, two.cells).loc[cells]
    tops = [
        [
            {*[g for g in summaries.ranking(f, k, "relevance").index if g in genes][:3]}
            for k in range(f.n_topics)
        ]
        for f in (one, two)
    ]
    for s in range(one.n_topics):
        for t in range(two.n_topics):
            first, second = tops[0][s], tops[1][t]
            jaccard = len(first & second) / len(first | second)
            assert found.overlap.iloc[s, t] == pytest.approx(jaccard)
            assert set(summaries.shared_genes(one, s, two, t, 3)) == first & second
            if x[s].std() > 1e-5 and y[t].std() > 1e-5:
                expected = np.corrcoef(x[s], y[t])[0, 1]
                assert found.correlation.iloc[s, t] == pytest.approx(expected, abs=1e-6)
    turned = summaries.match(two, one, 3)
    np.testing.assert_allclose(turned.overlap, found.overlap.T)
    np.testing.assert_allclose(turned.correlation, found.correlation.T, atol=1e-9)


def test_a_topic_beside_the_end_of_a_factor_that_it_resembles() -> None:
    topics, factors = made_topics(40, 2, 0, cells=20), made(40, 2, 0, cells=20)
    chosen = summaries.top_genes(topics, 0, 5)[0]
    loadings = factors.loadings.copy()
    loadings[factors.genes.get_indexer(chosen), 1] = -10 - np.arange(5.0)
    scores = factors.scores.copy()
    scores[:, 1] = -3 * topics.proportions[:, 0]
    factors = replace(factors, loadings=loadings, scores=scores, cells=topics.cells)
    found = summaries.match(topics, factors, 5)
    assert found.overlap.iloc[0, 1] == 1
    assert found.correlation.iloc[0, 1] == pytest.approx(-1)
    assert summaries.best_matches(found)["place"].iloc[0] == 1
    assert summaries.shared_genes(topics, 0, factors, 1, 5) == chosen


def test_other_cells_leave_the_genes_to_compare() -> None:
    fit = made_topics(30, 3, 0)
    other = replace(fit, cells=pd.Index([f"other_{c}" for c in range(len(fit.cells))]))
    found = summaries.match(fit, other, 5)
    assert found.cells == 0
    assert found.correlation.isna().to_numpy().all()
    best = summaries.best_matches(found)
    assert list(best["place"]) == [0, 1, 2]
    assert best["correlation"].isna().all()


def test_a_topic_that_does_not_vary_has_no_correlation() -> None:
    fit = made_topics(30, 3, 0)
    flat = fit.proportions.copy()
    flat[:, 1] = 0.3
    found = summaries.match(replace(fit, proportions=flat), fit)
    assert found.correlation.iloc[1].isna().all()
    assert found.correlation.iloc[0].notna().all()
    fit_of_factors: Fit = made(30, 2, 0)
    assert summaries.match(fit, fit_of_factors).overlap.shape == (3, 2)
