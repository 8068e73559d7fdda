"""Correlations of two groups of cells: two runs, their errors, and the differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard.browser import Browser
from dashboard.cards.groups.pairing import ACT, ALONE, CHOOSE, NOT_SURE
from dashboard.cards.groups.tab import GroupsTab
from dashboard.link import write
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.jobs.uncertainties import FILE
from tests.dashboard.synthetic import make_fit
from tests.dashboard.test_uncertainty import make_uncertainty
from tests.runs import save_runs

Until = Callable[[Callable[[], object]], None]
FACTORS = 2


def group(name: str, seed: int, factors: int = FACTORS) -> Any:
    fit = make_fit(cells=40, genes=12, factors=factors, seed=seed)
    return fit.changed(cells=pd.Index([f"{name}{j}" for j in range(40)]))


@pytest.fixture
def runs(runner: Runner) -> dict[str, str]:
    """Group A is the open run; B has other loadings; C other factors; D the cells of A."""
    own = {"A": group("a", 0), "B": group("b", 1), "C": group("c", 2, 3), "D": group("a", 0)}
    jobs = runner.services.jobs
    ids = dict(zip(own, save_runs(jobs.home, [(n, f, None) for n, f in own.items()]), strict=True))
    for name, fit in own.items():
        make_uncertainty(fit, 1e-4).save(jobs.folder(ids[name]) / FILE)
    return ids


@pytest.fixture
def tab(state: AppState, runner: Runner, runs: dict[str, str], until: Until) -> GroupsTab:
    state.tab = "groups"
    made = GroupsTab(state, Browser(), runner)
    runner.open(runs["A"])
    until(lambda: state.fit is not None and state.uncertainty is not None and len(state.runs) == 4)
    return made


@pytest.mark.slow
def test_two_runs_of_other_cells_are_compared(
    state: AppState, tab: GroupsTab, runs: dict[str, str], until: Until
) -> None:
    card, pairing = tab["differential"], tab.pairing
    assert pairing.said == CHOOSE
    card.other.value = runs["B"]
    until(lambda: card.result is not None and tab["changed"].result is not None)
    assert pairing.message == ""
    assert f"against={runs['B']}" in write(state, None), "a reload has it again"
    shown, fit, other = card.result, pairing.between.fit, pairing.between.other
    i, j = 2, 7
    a, b = shown.both.columns[[i, j]]
    for of, value in ((fit, shown.both.iloc[i, j]), (other, shown.both.iloc[j, i])):
        covariance = clr_covariance(of)
        x, y = of.genes.get_indexer([a, b])
        spread = np.sqrt(covariance[x, x] * covariance[y, y])
        assert value == pytest.approx(covariance[x, y] / spread, abs=1e-6)
    r = shown.both.to_numpy()
    z = np.arctanh(r[i, j]) - np.arctanh(r[j, i])
    assert shown.difference.iloc[i, j] == pytest.approx(z, abs=1e-4)
    assert (card.difference._veil.data["image"][0] == (shown.known.lfsr[::-1] > 0.05)).all()

    # exports
    export = card.offer()
    assert export.of is fit
    assert export.draw().axes
    first = export.table().iloc[0]
    assert first["lfsr"] < 0.05
    assert [first[name] for name in ("group", "against", "unit")] == ["A", "B", "cell"]
    assert set(tab["changed"].offer().table()["against"]) == {"B"}
    changed = tab["changed"]
    assert changed.offer().draw().axes
    changed._choose([0])
    assert state.pair == tuple(changed.result[["gene_1", "gene_2"]].iloc[0])
    assert changed.result["fsos"].iloc[0] == pytest.approx(first["fsos"])

    # the pair, cell by cell
    tab.choices.pairs = "scatter"
    both = tab["both groups"]
    until(lambda: both.result is not None)
    table = both.offer().table()
    assert table["group"].value_counts().to_dict() == {"A": 40, "B": 40}
    assert both.offer().draw().axes


def clr_covariance(fit: Any) -> np.ndarray:
    """(G, G) CLR covariance of the features of a fit."""
    covariance = fit.loadings @ fit.loadings.T + np.diag(fit.noise)
    size = len(covariance)
    centre = np.eye(size) - 1 / size
    return np.asarray(centre @ covariance @ centre)


def test_runs_that_do_not_compare_are_refused_in_the_engine_s_words(
    tab: GroupsTab, runs: dict[str, str], until: Until
) -> None:
    for run, words in (("C", "2 and 3"), ("D", "40 cells in both")):
        tab["differential"].other.value = runs[run]
        until(lambda words=words: words in tab.pairing.said)
        assert tab.pairing.between is None
        assert tab["differential"].offer() is None


def test_errors_that_are_missing_are_worked_out_when_asked(
    state: AppState,
    runner: Runner,
    tab: GroupsTab,
    runs: dict[str, str],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, submitted = runner.services.jobs, []
    (jobs.folder(runs["B"]) / FILE).unlink()
    tab["differential"].other.value = runs["B"]
    until(lambda: tab.pairing.said == NOT_SURE)
    assert "Work them out" in tab.pairing.message

    def submit(_of: object, jobs: Any, run: str, *how: Any) -> str:
        def work(_handle: object) -> None:
            make_uncertainty(group("b", 1), 1e-4).save(jobs.folder(run) / FILE)

        submitted.append((run, how))
        return str(jobs.submit("uncertainty", work))

    monkeypatch.setattr("engine.jobs.uncertainties._Uncertainty.submit", submit)
    tab.browser._handle_msg({"act": ACT, "value": ""})
    until(lambda: tab["differential"].result is not None)
    # the errors of the open run are known
    assert submitted == [(runs["B"], ("delta", 50, 0))]


def test_one_run_alone_says_what_to_do(state: AppState, runner: Runner, until: Until) -> None:
    (run,) = save_runs(runner.services.jobs.home, [("A", group("a", 0), None)])
    state.tab = "groups"
    tab = GroupsTab(state, Browser(), runner)
    runner.open(run)
    until(lambda: tab.pairing.said == ALONE)
