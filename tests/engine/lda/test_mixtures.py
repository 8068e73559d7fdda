from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine import summaries
from engine.errors import DataError
from engine.lda import mixtures
from engine.results import OTHER, TopicFit
from tests.dashboard.synthetic import make_topic_fit


@pytest.fixture
def fit() -> TopicFit:
    return make_topic_fit(cells=90, genes=17, topics=4)


def centred_logs(fit: TopicFit) -> pd.DataFrame:
    """CLR of theta_c beta with every log written out, cells x features."""
    found = np.zeros((len(fit.cells), len(fit.genes)))
    for c, theta in enumerate(fit.proportions.astype(float)):
        logs = [np.log(sum(theta * beta)) for beta in fit.topics.astype(float)]
        found[c] = np.array(logs) - np.mean(logs)
    return pd.DataFrame(found, index=fit.cells, columns=fit.genes)


def test_clr_of_cells_is_that_of_their_proportions(fit: TopicFit) -> None:
    expected = centred_logs(fit)
    genes = ["GENE5", "GENE0"]
    pd.testing.assert_frame_equal(
        summaries.cell_clr(fit, genes), expected[genes], check_dtype=False, rtol=1e-4
    )
    some = summaries.cell_clr(fit, genes, cells=np.array([3, 80]))
    pd.testing.assert_frame_equal(some, expected[genes].iloc[[3, 80]], check_dtype=False, rtol=1e-4)


def test_counts_add_nothing_that_topics_could_tell(fit: TopicFit) -> None:
    counts = sparse.csc_matrix(np.ones((90, 18)))
    pd.testing.assert_frame_equal(
        summaries.cell_clr(fit, ["GENE1"], counts=counts), summaries.cell_clr(fit, ["GENE1"])
    )


def test_blocks_of_cells_give_the_same(fit: TopicFit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixtures, "_BLOCK", 18 * 7)
    pd.testing.assert_frame_equal(
        summaries.cell_clr(fit, ["GENE5"]),
        centred_logs(fit)[["GENE5"]],
        check_dtype=False,
        rtol=1e-4,
    )


def test_correlations_are_those_over_cells(fit: TopicFit) -> None:
    values = centred_logs(fit).drop(columns=OTHER)
    expected = values.corr()
    found = summaries.clr_correlation(fit)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, atol=1e-4, rtol=0)
    near = summaries.correlation_with(fit, "GENE3")
    assert list(near.index) == list(near.abs().sort_values(ascending=False).index)
    np.testing.assert_allclose(near, expected["GENE3"].drop("GENE3")[near.index], atol=1e-4)
    np.testing.assert_allclose(summaries.clr_variance(fit), values.var(ddof=0), rtol=1e-3)


def test_many_cells_are_drawn_once_and_the_same_ones() -> None:
    fit = make_topic_fit(cells=5_000, genes=6, topics=3)
    first, second = mixtures.sampled(fit), mixtures.sampled(replace(fit))
    assert len(first.centred) == mixtures.MOST_CELLS
    np.testing.assert_array_equal(first.centred, second.centred)
    all_cells = centred_logs(fit).drop(columns=OTHER).corr()
    assert np.abs(summaries.clr_correlation(fit) - all_cells).to_numpy().max() < 0.1


def test_one_topic_correlates_nothing() -> None:
    fit = make_topic_fit(cells=20, genes=6, topics=1)
    found = summaries.clr_correlation(fit).to_numpy()
    np.testing.assert_array_equal(found, np.eye(6))
    assert not summaries.loadings(fit).to_numpy().any()
    assert list(summaries.factor_shares(fit)) == [pytest.approx(1)]
    told = summaries.contrast(fit, np.arange(20) < 5)
    assert not told.factors["effect"].any()
    assert not told.genes["effect"].any()


def test_loadings_are_log_fold_changes_against_the_mean_over_topics(fit: TopicFit) -> None:
    table = summaries.loadings(fit)
    assert list(table.columns) == ["topic 1", "topic 2", "topic 3", "topic 4"]
    assert OTHER not in table.index
    logs = np.log(fit.topics[4].astype(float))
    np.testing.assert_allclose(table.loc["GENE4"], logs - logs.mean(), rtol=1e-6)
    np.testing.assert_allclose(summaries.gene_loadings(fit, "GENE4"), table.loc["GENE4"])
    weights = summaries.weights(fit)
    np.testing.assert_allclose(weights.loc["GENE4"], fit.topics[4] * table.loc["GENE4"], rtol=1e-5)
    assert list(summaries.factor_genes(fit, 2, 5)) == list(weights["topic 3"].nlargest(5).index)
    with pytest.raises(DataError):
        summaries.factor_genes(fit, 4)


def test_information_adds_up_to_that_between_gene_and_topic(fit: TopicFit) -> None:
    shares = (fit.total_counts[:, None] * fit.proportions).sum(0) / fit.total_counts.sum()
    np.testing.assert_allclose(summaries.factor_shares(fit), shares, rtol=1e-5)
    joint = fit.topics.astype(float) * shares
    product = np.outer(joint.sum(1), joint.sum(0))
    mutual = joint * np.log(joint / product)
    np.testing.assert_allclose(mixtures.information(fit), mutual.sum(1), atol=1e-6)
    top = summaries.programme_genes(fit, 3)
    assert top[0] == fit.genes[:-1][mutual.sum(1)[:-1].argmax()]
    np.testing.assert_allclose(summaries.gene_shares(fit), joint.sum(1)[:-1], rtol=1e-5)


def test_contrast_is_of_means_in_units_of_the_spread_within(fit: TopicFit) -> None:
    mask = np.arange(90) % 3 == 0
    found = summaries.contrast(fit, mask)
    for table, values in (
        (found.factors, summaries.factor_scores(fit)),
        (found.genes, centred_logs(fit).drop(columns=OTHER)),
    ):
        inside, outside = values[mask].astype(float), values[~mask].astype(float)
        difference = inside.mean() - outside.mean()
        within = len(inside) * inside.var(ddof=0) + len(outside) * outside.var(ddof=0)
        effect = difference / np.sqrt(within / 88)
        np.testing.assert_allclose(table["difference"], difference[table.index], atol=1e-4)
        np.testing.assert_allclose(table["effect"], effect[table.index], atol=1e-3)
    p, q = (fit.topics @ fit.proportions[group].mean(0) for group in (mask, ~mask))
    order = np.argsort(-((p - q) * np.log(p / q))[:-1])
    assert list(found.genes.index[:5]) == list(fit.genes[order[:5]])


def test_coordinates_are_log_ratios_that_faint_shares_hardly_move() -> None:
    fit = make_topic_fit(cells=3, genes=4, topics=4)
    faint = np.array([[1, 0, 0, 0], [0.9998, 2e-4, 0, 0], [0.5, 0.5, 0, 0]], np.float32)
    found = summaries.coordinates(replace(fit, proportions=faint))
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-5)
    raised = np.log(faint[2] + 0.025)
    np.testing.assert_allclose(found[2], raised - raised.mean(), rtol=1e-5)
    assert np.linalg.norm(found[0] - found[1]) < 0.02
    assert np.linalg.norm(found[0] - found[2]) > 2
