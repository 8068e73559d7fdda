from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine import summaries
from engine.errors import DataError
from engine.results import AnyFit, Capture, Fit
from engine.summaries import compare
from engine.summaries.correlation import correlation_block
from tests.engine.summaries.made_topics import made_topics
from tests.engine.summaries.made_up import fits, made

seeds = st.integers(0, 2**32 - 1)


def some(fit: Fit, genes: np.ndarray, cells: np.ndarray) -> Fit:
    """The fit of other genes and cells, in another order."""
    return replace(
        fit,
        genes=fit.genes[genes],
        loadings=fit.loadings[genes],
        noise=fit.noise[genes],
        cells=fit.cells[cells],
        scores=fit.scores[cells],
        log_marginal=fit.log_marginal[cells],
    )


def turned(fit: Fit) -> Fit:
    """The same model with its factors in another order, and some with the other sign."""
    order, sign = np.arange(fit.n_factors)[::-1], np.where(np.arange(fit.n_factors) % 2, 1.0, -1.0)
    return replace(fit, loadings=fit.loadings[:, order] * sign, scores=fit.scores[:, order] * sign)


@pytest.mark.parametrize("fit", [made(12, 3, 0), made_topics(12, 3, 0, cells=40)])
def test_blocks_are_parts_of_the_whole(fit: AnyFit) -> None:
    rows, columns = np.array([3, 0, 7]), np.array([7, 1, 2, 3])
    names = fit.genes
    whole = summaries.clr_correlation(fit, names)
    found = correlation_block(fit, rows, columns)
    np.testing.assert_allclose(found, whole.loc[names[rows], names[columns]], atol=1e-6)


@settings(max_examples=30)
@given(seeds, seeds, st.sampled_from([1, 7, 1000]))
def test_changed_pairs_are_those_of_the_whole_tables(one: int, two: int, block: int) -> None:
    rng = np.random.default_rng(one)
    fit, other = made(14, 3, one), made(14, 2, two)
    other = some(other, rng.permutation(14)[:11], rng.permutation(4))
    genes = summaries.common_genes(fit, other)
    change = summaries.correlations(fit, other, genes).change
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "_BLOCK", block)
        found = summaries.changed_pairs(fit, other, n=9)
    upper = np.triu_indices(len(genes), 1)
    expected = np.sort(np.abs(change.to_numpy()[upper]))[::-1][:9]
    np.testing.assert_allclose(found["change"].abs(), expected, atol=1e-12)
    for row in found.itertuples():
        assert row.change == pytest.approx(change.loc[row.first, row.second], abs=1e-12)
        assert row.r_other - row.r == pytest.approx(row.change, abs=1e-12)
    few = summaries.changed_pairs(fit, other, genes[:3])
    assert set(few["first"]) | set(few["second"]) <= set(genes[:3])
    assert len(few) == (3 if len(genes) >= 3 else 1)


def test_a_change_that_was_made_is_found() -> None:
    fit = made(30, 2, 0)
    loadings = fit.loadings.copy()
    loadings[4] = -3 * loadings[9]
    found = summaries.changed_pairs(fit, replace(fit, loadings=loadings - loadings.mean(0)))
    assert "gene_4" in set(found.iloc[0][["first", "second"]])


def test_nothing_in_common_changes_nothing() -> None:
    fit = made(6, 2, 0)
    other = replace(fit, genes=pd.Index([f"other {j}" for j in range(6)]))
    assert summaries.changed_pairs(fit, other).empty
    assert list(summaries.changed_pairs(fit, other)) == list(summaries.changed_pairs(fit, fit))


@settings(max_examples=30)
@given(fits)
def test_factors_in_another_order_are_recognised(fit: Fit) -> None:
    # About their own mean, two genes of any two factors lie on one line.
    assume(fit.is_gene.sum() > 2)
    other = turned(fit)
    cosines = summaries.loading_cosines(fit, other)
    found = summaries.matched(cosines)
    np.testing.assert_allclose(np.abs(found["similarity"]), 1, atol=1e-9)
    for j, place in enumerate(found["place"]):
        np.testing.assert_allclose(
            np.abs(np.corrcoef(fit.loadings[:, j], other.loadings[:, place])[0, 1]), 1, atol=1e-9
        )


def test_one_to_one_though_two_are_nearest_to_the_same() -> None:
    table = pd.DataFrame([[-0.9, 0.8], [0.85, 0.1], [np.nan, 0.2]], list("abc"), list("xy"))
    found = summaries.matched(table)
    assert list(found["place"]) == [1, 0, -1]
    assert list(found["match"]) == ["y", "x", None]
    np.testing.assert_array_equal(found["similarity"], [0.8, 0.85, np.nan])


def test_cosines_are_of_the_common_genes_about_their_own_mean() -> None:
    fit, other = made(9, 2, 1), made(9, 3, 2)
    part = some(other, np.array([5, 2, 0, 7]), np.arange(4))
    x = fit.loadings[[0, 2, 5, 7]] - fit.loadings[[0, 2, 5, 7]].mean(0)
    y = other.loadings[[0, 2, 5, 7]] - other.loadings[[0, 2, 5, 7]].mean(0)
    expected = (x.T @ y) / np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    np.testing.assert_allclose(summaries.loading_cosines(fit, part), expected)


def test_cells_are_compared_by_name() -> None:
    fit = made(6, 2, 0, cells=5)
    other = some(fit, np.arange(6), np.array([4, 1, 2]))
    found = summaries.cell_values(fit, other, "score", 1, 1)
    assert list(found.here) == [1, 2, 4]
    np.testing.assert_array_equal(found.values[:, 0], fit.scores[[1, 2, 4], 1])
    np.testing.assert_array_equal(found.values[:, 0], found.values[:, 1])
    assert found.correlation == pytest.approx(1)
    assert np.isnan(summaries.cell_values(fit, fit, "log_marginal").correlation)


def test_only_what_both_fits_have_is_compared() -> None:
    fit, topics = made(6, 2, 0, cells=40), made_topics(6, 3, 0, cells=40)
    eta = np.linspace(0.1, 2, 40)
    captured = replace(fit, capture=Capture(eta, eta, np.exp(-eta), eta))
    assert summaries.quantities(captured, captured) == ["score", "capture", "log_marginal"]
    assert summaries.quantities(fit, captured) == ["score", "log_marginal"]
    assert summaries.quantities(fit, topics) == ["score"]
    found = summaries.cell_values(captured, captured, "capture")
    np.testing.assert_array_equal(found.values[:, 0], np.exp(-eta))
    np.testing.assert_array_equal(found.sd, np.column_stack([eta, eta]))
    # Proportions of topics have no spread, and neither has a likelihood.
    sd = summaries.cell_values(fit, topics, "score", 1, 0).sd
    assert sd is not None
    np.testing.assert_array_equal(sd[:, 0], fit.scores_sd[:, 1])
    assert np.isnan(sd[:, 1]).all()
    assert summaries.cell_values(topics, topics, "score").sd is None
    assert summaries.cell_values(fit, fit, "log_marginal").sd is None
    with pytest.raises(DataError, match="'capture' of lnm and lda"):
        summaries.cell_values(fit, topics, "capture")
