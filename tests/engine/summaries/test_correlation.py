from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import summaries
from engine.results import OTHER, Fit
from tests.engine.summaries.made_up import brute_force, fits, made


@given(fits)
def test_covariance_and_correlation_against_brute_force(fit: Fit) -> None:
    expected = brute_force(fit)
    real = fit.genes[fit.is_gene]
    covariance = summaries.clr_covariance(fit)
    pd.testing.assert_frame_equal(covariance, expected.loc[real, real], atol=1e-12)
    scale = np.sqrt(np.diag(expected.loc[real, real]))
    correlation = summaries.clr_correlation(fit)
    pd.testing.assert_frame_equal(
        correlation, expected.loc[real, real] / np.outer(scale, scale), atol=1e-10
    )
    np.testing.assert_allclose(
        summaries.clr_variance(fit), np.diag(expected.loc[real, real]), atol=1e-12
    )
    assert list(summaries.clr_variance(fit).index) == list(real)


@given(fits)
def test_a_correlation_is_one(fit: Fit) -> None:
    correlation = summaries.clr_correlation(fit).to_numpy()
    assert (np.diag(correlation) == 1).all()
    assert (np.abs(correlation) <= 1).all()
    np.testing.assert_array_equal(correlation, correlation.T)
    assert np.linalg.eigvalsh(correlation).min() > -1e-10


@given(fits, st.data())
def test_any_genes_in_any_order(fit: Fit, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(list(fit.genes)), unique=True, min_size=1))
    part = summaries.clr_correlation(fit, names)
    assert list(part.index) == list(part.columns) == names
    whole = summaries.clr_correlation(fit, fit.genes)
    pd.testing.assert_frame_equal(part, whole.loc[names, names], atol=1e-12)


def test_the_gauge_does_not_matter_to_contrasts() -> None:
    """Variances of log ratios of two genes, from the CLR covariance, are those of the logits."""
    fit = made(6, 2, 0, pooled=False)
    covariance = summaries.clr_covariance(fit).to_numpy()
    contrast = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    logits = ((fit.loadings[0] - fit.loadings[1]) ** 2).sum() + fit.noise[0] + fit.noise[1]
    assert contrast == pytest.approx(logits)


def test_top_variance_genes() -> None:
    fit = made(9, 2, 0)
    variance = summaries.clr_variance(fit)
    top = summaries.top_variance_genes(fit, 3)
    assert list(top) == list(variance.sort_values(ascending=False).index[:3])
    assert len(summaries.top_variance_genes(fit, 100)) == 8


def test_unknown_genes_are_named() -> None:
    with pytest.raises(engine.DataError, match=r"2 unknown \(NOT, A GENE\)"):
        summaries.clr_correlation(made(5, 2, 0), ["gene_1", "NOT", "A GENE"])


@given(fits, st.data())
def test_correlation_with_is_a_row_sorted(fit: Fit, data: st.DataObject) -> None:
    real = list(fit.genes[fit.is_gene])
    gene = data.draw(st.sampled_from(real))
    found = summaries.correlation_with(fit, gene)
    row = summaries.clr_correlation(fit)[gene].drop(gene)
    assert found.name == gene
    assert set(found.index) == set(row.index)
    pd.testing.assert_series_equal(found, row[found.index], atol=1e-10)
    assert (np.diff(found.abs()) <= 0).all()


def test_correlation_with_by_hand() -> None:
    """Two genes opposed on one factor, the rest still."""
    fit = made(3, 1, 0)
    fit.loadings[:, 0] = [1, -1, 0]
    fit.noise[:] = 0
    found = summaries.correlation_with(fit, "gene_0")
    assert found.to_dict() == {"gene_1": pytest.approx(-1)}
    assert OTHER not in found.index
    assert summaries.correlation_with(fit, OTHER).to_list() == [0, 0]


def test_closure_alone_makes_genes_correlate() -> None:
    """Of independent coordinates with variances d, each less the mean of all."""
    fit = made(4, 2, 0)
    count = len(fit.genes)
    centre = np.eye(count) - 1 / count
    covariance = centre @ np.diag(fit.noise) @ centre
    scale = np.sqrt(np.diag(covariance))
    expected = (covariance / np.outer(scale, scale))[np.ix_(fit.is_gene, fit.is_gene)]
    found = summaries.closure_correlation(fit)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found.equals(summaries.closure_correlation(made(4, 2, 0), found.index))


def test_correlation_with_an_unknown_gene() -> None:
    with pytest.raises(engine.DataError, match="NOT"):
        summaries.correlation_with(made(3, 1, 0), "NOT")
