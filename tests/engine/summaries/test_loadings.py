from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import engine
from engine import summaries
from engine.results import OTHER, Fit
from tests.engine.summaries.made_up import brute_force, fits, made


@given(fits)
def test_explained_variance_and_the_rest_make_the_whole(fit: Fit) -> None:
    shares = summaries.explained_variance(fit)
    total = np.trace(brute_force(fit))
    noise = fit.noise.sum() * (1 - 1 / len(fit.genes))
    assert shares.sum() + noise / total == pytest.approx(1)
    np.testing.assert_allclose(shares * total, (fit.loadings**2).sum(0))
    assert list(shares.index) == [f"factor {j + 1}" for j in range(fit.n_factors)]


def test_without_noise_the_factors_explain_all() -> None:
    fit = made(5, 2, 0)
    fit.noise[:] = 0
    assert summaries.explained_variance(fit).sum() == pytest.approx(1)


def test_tables_are_named_and_leave_the_pooled_rest_out() -> None:
    fit = made(5, 2, 0)
    loadings, scores = summaries.loadings(fit), summaries.factor_scores(fit)
    assert OTHER not in loadings.index
    assert loadings.shape == (4, 2)
    assert list(loadings.columns) == list(scores.columns) == ["factor 1", "factor 2"]
    assert list(scores.index) == list(fit.cells)
    np.testing.assert_array_equal(loadings, fit.loadings[:-1])
    np.testing.assert_array_equal(scores, fit.scores)


def test_genes_of_a_factor_and_of_all() -> None:
    fit = made(5, 2, 0)
    fit.loadings[:] = [[1, 0], [-3, 0.1], [2, 5], [0.5, -1], [9, 9]]
    assert list(summaries.factor_genes(fit, 0)) == ["gene_1", "gene_2", "gene_0", "gene_3"]
    assert list(summaries.factor_genes(fit, 1, 2)) == ["gene_2", "gene_3"]
    assert list(summaries.programme_genes(fit, 2)) == ["gene_2", "gene_1"]
    with pytest.raises(engine.DataError, match="0 to 1"):
        summaries.factor_genes(fit, 2)
