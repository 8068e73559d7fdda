"""Some of the cells, and groups of them, each checked on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine.checks import predictive_check
from engine.results import Totals
from tests.engine.checks.predictive.truth import simulated


@pytest.mark.slow
def test_some_cells_and_groups() -> None:
    fit, counts = simulated("lnm")
    labels = np.array(["a", "b", "b", None] * (counts.n_cells // 4), object)
    check = predictive_check(fit, counts, groups=labels, n_draws=30, mode="population")
    assert list(check.genes["group"].unique()) == ["all cells", "a", "b"]
    alone = predictive_check(fit, counts, cells=labels == "b", n_draws=30, mode="population")
    assert alone.n_cells == (labels == "b").sum()
    group = check.genes[check.genes["group"] == "b"].reset_index(drop=True)
    columns = ["gene", "discrepancy", "observed", "predicted", "p_value", "q_value"]
    pd.testing.assert_frame_equal(group[columns], alone.genes[columns], rtol=1e-5)
    # Positions choose as a mask does.
    again = predictive_check(
        fit, counts, cells=np.flatnonzero(labels == "b"), n_draws=30, mode="population"
    )
    pd.testing.assert_frame_equal(again.genes, alone.genes)


@pytest.mark.parametrize("n_cells", [2, 3, 5])
def test_correlations_of_a_handful_of_cells_are_not_judged(n_cells: int) -> None:
    fit, counts = simulated("lnm")
    for seed in range(6):
        cells = np.random.default_rng(seed).choice(counts.n_cells, n_cells, replace=False)
        check = predictive_check(fit, counts, cells=cells, mode="population", n_draws=40, seed=seed)
        assert not any("Correlation" in words for words in check.findings)
        assert check.pairs[["p_value", "q_value"]].isna().all(axis=None)
        (note,) = check.notes
        assert f"takes at least 20 cells, and these are {n_cells}" in note
        assert check.summary()["notes"] == [note]


@pytest.mark.slow
def test_groups_that_are_too_small_are_named() -> None:
    fit, counts = simulated("lnm")
    labels = np.full(counts.n_cells, "many", object)
    labels[0], labels[1:20], labels[20:40] = "one", "few", "enough"
    check = predictive_check(fit, counts, groups=labels, n_draws=20)
    assert list(check.genes["group"].unique()) == ["all cells", "enough", "few", "many"]
    assert check.notes == (
        "Correlations of genes were not judged in groups of fewer than 20 cells: few (19).",
        "Groups of fewer than two cells were not checked: one (1).",
    )
    judged = check.pairs.groupby("group")["q_value"].apply(lambda q: q.notna().all())
    assert judged.to_dict() == {"all cells": True, "enough": True, "few": False, "many": True}
    # Labels of cells that are not checked are no groups.
    some = predictive_check(fit, counts, groups=labels, cells=np.arange(20, 140), n_draws=20)
    assert list(some.genes["group"].unique()) == ["all cells", "enough", "many"]
    assert some.notes == ()


@pytest.mark.slow
def test_a_label_may_be_called_as_all_cells_are() -> None:
    fit, counts = simulated("lnm")
    labels = np.array(["all cells", "b"] * (counts.n_cells // 2))
    check = predictive_check(fit, counts, groups=labels, n_draws=20)
    plain = predictive_check(fit, counts, groups=np.where(labels == "b", "b", "a"), n_draws=20)
    names = {"all cells": "all cells", "a": "all cells (label)", "b": "b"}
    for name in ("genes", "pairs", "distributions", "residuals"):
        expected = getattr(plain, name)
        expected = expected.assign(group=expected["group"].map(names))
        pd.testing.assert_frame_equal(getattr(check, name), expected)


@pytest.mark.slow
def test_findings_name_their_group() -> None:
    fit, counts = simulated("lnm")
    tight = replace(fit, totals=Totals(float(counts.totals.mean()), 100.0))
    labels = np.array(["one", "two"] * (counts.n_cells // 2))
    found = predictive_check(tight, counts, groups=labels).findings
    assert any(words.startswith("one: Total counts vary more") for words in found)
