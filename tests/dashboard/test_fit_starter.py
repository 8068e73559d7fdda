"""Fits of some of the cells: those selected, those with a value, each of two groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dashboard.browser import Browser
from dashboard.cards.explore.selected_cells import FIT, ContrastView
from dashboard.cards.groups.pairing import EACH, NOT_SURE, READY
from dashboard.cards.groups.tab import GroupsTab
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from engine.data import Counts, DataRequest
from engine.jobs.uncertainties import FILE
from engine.lnm.family import LogRatio
from tests.dashboard.synthetic import Steps, make_counts
from tests.dashboard.test_uncertainty import make_uncertainty

Until = Callable[[Callable[[], object]], None]
CELLS, LACKING = 200, 3


@pytest.fixture
def counts(services: Services, monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Counts of the reader: half of the cells of each type; some cells have no batch."""
    made = make_counts(CELLS)
    batch = np.where(np.arange(CELLS) // 2 % 2, "x", "y").astype(object)
    batch[:LACKING] = None
    made = replace(made, obs=made.obs.assign(batch=batch))
    monkeypatch.setattr(DataRequest, "load", lambda _: made)
    return made


@pytest.fixture
def fitted(counts: Counts, runner: Runner, state: AppState, steps: Steps, until: Until) -> AppState:
    """A page whose fit of all cells has ended."""
    steps.go_on.set()
    runner.read()
    runner.fit()
    until(lambda: state.fit is not None and not state.partial and state.fit_counts is not None)
    return state


@pytest.mark.slow
def test_selected_cells_are_fitted_alone(
    fitted: AppState, runner: Runner, counts: Counts, until: Until
) -> None:
    state, browser = fitted, Browser()
    card = ContrastView(state, browser, runner)
    mask = np.arange(CELLS) < 30
    state.select(mask)
    assert "Fit these cells" in card._page(state.fit, mask)
    whole = state.run
    browser._handle_msg({"act": FIT, "value": ""})
    until(lambda: state.run != whole and state.fit is not None and not state.partial)
    assert state.fit.cells.equals(counts.cells[:30])
    assert state.fit.data["subset"]["words"] == "30 selected cells"
    assert "30 selected cells" in state.status.name
    # the data are still those of the run: the next fit is of all
    assert state.brought == state.run
    assert state.counts.n_cells == CELLS


@pytest.mark.slow
def test_cells_without_a_value_of_a_covariate_are_left_out_and_counted(
    fitted: AppState, runner: Runner, counts: Counts, until: Until
) -> None:
    state, whole = fitted, fitted.run
    state.formula = "~ batch"
    runner.fit()
    until(lambda: state.run != whole and state.fit is not None and not state.partial)
    assert state.fit.cells.equals(counts.cells[LACKING:])
    words = f"without {LACKING} that lack a covariate"
    assert state.fit.data["subset"]["words"] == words
    assert words in state.status.name
    # so do the runs of a sweep
    state.tried = "1, 2"
    runner.sweep()
    assert state.run_error is None
    jobs = runner.services.jobs
    runs = [run for run in jobs.list() if run.group]
    assert len(runs) == 2
    for run in runs:
        assert run.subset == {
            "words": words,
            "data_driven": False,
            "cells": CELLS - LACKING,
            "of": CELLS,
        }
        assert words in run.name


@pytest.mark.slow
def test_both_groups_are_fitted_opened_and_compared(
    fitted: AppState,
    runner: Runner,
    until: Until,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, whole = fitted, fitted.run
    state.tab = "groups"
    settings = LogRatio.of_parts
    monkeypatch.setattr(
        LogRatio, "of_parts", lambda *given: (settings(*given)[0], ("Left out: batch.",))
    )
    browser = Browser()
    tab = GroupsTab(state, browser, runner)
    pairing, choices = tab.pairing, tab.choices
    # a label that comes from elsewhere
    choices.origins = {"cell_type": True}
    controls = tab["differences"].controls
    until(lambda: "cell_type" in controls.label.options)
    controls.label.value = "=cell_type"
    controls.ask()
    comparison = choices.comparison
    cells_of_a = int((state.fit.obs["cell_type"] == comparison.one).sum())
    assert pairing.said.startswith(EACH)
    assert f"cell_type {comparison.one} (A)" in pairing.said

    steps.go_on.clear()
    press(browser, pairing.offers)
    until(lambda: "(A) 25 %" in pairing.said)
    assert "(B) waits" in pairing.said
    # settings that fits of groups cannot have are named
    assert pairing.said.endswith("Left out: batch.")
    steps.go_on.set()
    until(lambda: pairing.said.startswith(READY))
    runs = choices.both
    assert state.run == whole
    for run in runs:
        fit = runner.services.jobs.result(run)
        make_uncertainty(fit, 1e-4).save(runner.services.jobs.folder(run) / FILE)

    # requested again, for instance after a reload, the runs are there
    controls.ask()
    press(browser, pairing.offers)
    assert choices.both == runs

    press(browser, pairing.offers)
    until(lambda: tab["differential"].result is not None)
    between = pairing.between
    assert (state.run, between.run) == runs
    assert between.differential.tested
    cells = set(between.fit.cells), set(between.other.cells)
    assert [len(some) for some in cells] == [cells_of_a, CELLS - cells_of_a]
    assert not cells[0] & cells[1]
    assert pairing.said != NOT_SURE


def test_groups_without_enough_cells_are_refused(fitted: AppState, runner: Runner) -> None:
    few = np.arange(CELLS) < 30
    assert runner.fit_both((few, ~few), ("few", "the rest"), data_driven=False) == ((), ())
    assert "at least 40 cells" in fitted.run_error.expected


def press(browser: Browser, act: str) -> None:
    browser._handle_msg({"act": act, "value": ""})


def test_a_covariate_that_the_cells_cannot_carry_is_refused_before_a_run(
    fitted: AppState, runner: Runner, counts: Counts, until: Until
) -> None:
    state, whole = fitted, fitted.run
    state.formula = "~ cell_type"
    runner.fit((counts.obs["cell_type"] == "a").to_numpy())
    until(lambda: state.run_error is not None)
    assert "'a' in every cell" in state.run_error.got
    assert state.run == whole
