from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine import summaries
from engine.results import OTHER, Fit
from tests.engine.summaries.made_up import made


def reference(fit: Fit, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dz and the effects of factors and features, from the definition."""
    groups = fit.scores[mask], fit.scores[~mask]
    change = groups[0].mean(0) - groups[1].mean(0)
    within = sum((group - group.mean(0)).T @ (group - group.mean(0)) for group in groups)
    pooled = within / (len(mask) - 2) + np.diag((fit.scores_sd**2).mean(0))
    spread = np.sqrt([w @ pooled @ w for w in fit.loadings])
    return change, change / np.sqrt(np.diag(pooled)), fit.loadings @ change / spread


@given(st.integers(0, 2**32 - 1), st.integers(1, 29))
def test_contrast_against_the_definition(seed: int, n_selected: int) -> None:
    fit = made(7, 3, seed, cells=30)
    fit.scores_sd[:] = np.random.default_rng(seed).uniform(0.1, 1, fit.scores.shape)
    mask = np.random.default_rng(seed).permutation(30) < n_selected
    change, effect, gene_effect = reference(fit, mask)
    factors, genes = summaries.contrast(fit, mask)
    assert list(factors.index) == fit.factor_names
    np.testing.assert_allclose(factors["difference"], change, atol=1e-10)
    np.testing.assert_allclose(factors["effect"], effect, atol=1e-10)
    assert set(genes.index) == set(fit.genes[fit.is_gene])
    assert (np.diff(genes["effect"].abs()) <= 0).all()
    expected = pd.Series(gene_effect, fit.genes)[genes.index]
    np.testing.assert_allclose(genes["effect"], expected, atol=1e-10)
    clr = pd.Series(fit.loadings @ change, fit.genes)[genes.index]
    np.testing.assert_allclose(genes["difference"], clr, atol=1e-10)


def test_contrast_by_hand() -> None:
    fit = made(3, 1, 0, cells=4)
    fit.loadings[:, 0] = [2, -1, -1]
    fit.scores[:, 0] = [3, 5, 0, 2]
    fit.scores_sd[:] = np.sqrt(2)
    factors, genes = summaries.contrast(fit, np.array([True, True, False, False]))
    # Within: (1 + 1 + 1 + 1) / 2 = 2, and 2 of the posteriors.
    assert factors.loc["factor 1"].to_dict() == {"difference": 3.0, "effect": 1.5}
    assert genes.loc["gene_0"].to_dict() == {"difference": 6.0, "effect": 1.5}
    assert genes.loc["gene_1"].to_dict() == {"difference": -3.0, "effect": -1.5}
    assert OTHER not in genes.index


def test_the_rest_differs_the_other_way() -> None:
    fit = made(6, 2, 1, cells=9)
    mask = np.arange(9) < 3
    for one, other in zip(
        summaries.contrast(fit, mask), summaries.contrast(fit, ~mask), strict=True
    ):
        pd.testing.assert_frame_equal(one, -other.loc[one.index], atol=1e-12)


@pytest.mark.parametrize("mask", [np.zeros(4, bool), np.ones(4, bool), np.ones(3, bool), [0, 1]])
def test_a_selection_must_divide_the_cells(mask: np.ndarray) -> None:
    with pytest.raises(engine.DataError, match=r"a mask|some not"):
        summaries.contrast(made(5, 2, 0), mask)


def test_still_scores_have_no_effect() -> None:
    fit = made(4, 1, 0)
    fit.scores[:], fit.scores_sd[:] = 1, 0
    factors, genes = summaries.contrast(fit, np.arange(4) < 1)
    assert not factors.to_numpy().any()
    assert not genes.to_numpy().any()


def test_totals_are_those_of_the_fit_and_go_with_it() -> None:
    mask = np.arange(8) < 3
    one = made(4, 2, 0, cells=8)
    before = summaries.contrast(one, mask).factors
    other = summaries.contrast(replace(one, scores=one.scores + 5 * mask[:, None]), mask)
    assert (other.factors["difference"] > before["difference"] + 4.9).all()
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None


def test_label_counts() -> None:
    labels = pd.Series(["B", "T", "T", None, "B", "T"], name="type", dtype="category")
    labels = labels.cat.add_categories("unused")
    table = summaries.label_counts(labels, np.array([0, 1, 1, 1, 0, 0], bool))
    assert table.index.name == "type"
    assert list(table.index[:1]) == ["T"]
    assert table.loc["T"].to_list() == [3, 2, pytest.approx(2 / 3), pytest.approx(2 / 3)]
    assert table.loc["B"].to_list() == [2, 0, 0, 0]
    assert table[table.index.isna()].to_numpy().tolist() == [[1, 1, 1, pytest.approx(1 / 3)]]
    assert len(table) == 3
    assert list(table.columns) == ["cells", "selected", "share_of_label", "share_of_selection"]


@pytest.mark.parametrize("dtype", [object, "category", "string", "int64"])
def test_label_counts_of_any_kind(dtype: str) -> None:
    labels = pd.Series([1, 2, 2, 1]).astype(dtype)
    table = summaries.label_counts(labels, np.zeros(4, bool))
    assert table["cells"].to_list() == [2, 2]
    assert not table["share_of_selection"].any()
    with pytest.raises(engine.DataError, match="4 cells"):
        summaries.label_counts(labels, np.zeros(3, bool))
