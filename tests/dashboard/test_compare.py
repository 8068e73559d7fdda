"""The Compare tab: several runs, two of them side by side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import pytest

from dashboard.browser import Browser
from dashboard.cards.compare.compared import ALONE, NO_RUN
from dashboard.cards.compare.run_table import COLUMNS
from dashboard.cards.compare.tab import CompareTab
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import LABEL, AppState
from engine import summaries
from engine.jobs import Jobs
from engine.jobs.check_file import FILE
from tests.dashboard.compared import EVIL, Shown, Until, fits, show
from tests.dashboard.widgets import choices
from tests.runs import save_runs
from tests.waiting import wait_for

pn.extension("tabulator")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A home folder with the runs, to be copied, and their ids."""
    home = tmp_path_factory.mktemp("saved")
    return home, save_runs(home, fits())


@pytest.fixture
def ids(services: Services, saved: tuple[Path, list[str]]) -> list[str]:
    home, run_ids = saved
    shutil.copytree(home, services.jobs.home, dirs_exist_ok=True)
    return run_ids


@pytest.fixture
def shown(state: AppState, runner: Runner, ids: list[str], until: Until) -> Shown:
    return show(state, runner, ids, until)


@pytest.fixture(scope="module")
def page(
    saved: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Shown, Callable[[], None]]]:
    home = shutil.copytree(saved[0], tmp_path_factory.mktemp("shared") / "home")
    jobs = Jobs(home, devices=lambda: [None])
    state = AppState(source="demo", n_factors=3)
    runner = Runner(state, Services(jobs))

    def until(condition: Callable[[], object]) -> None:
        wait_for(condition, meanwhile=runner.tick)

    shown = show(state, runner, saved[1], until)
    first = choices(state, shown[1].choices)

    def back() -> None:
        first()
        until(lambda: shown[1].layout.xy is not None)

    yield shown, back
    jobs.close()


@pytest.fixture
def shared(page: tuple[Shown, Callable[[], None]]) -> Shown:
    """A page that tests share which only choose on it, each with the first choices."""
    shown, back = page
    back()
    return shown


def test_nothing_is_read_while_another_tab_is_in_front(
    state: AppState, runner: Runner, ids: list[str], until: Until
) -> None:
    runner.open(ids[-1])
    view = CompareTab(state, Browser(), runner)
    until(lambda: state.fit is not None)
    assert view.compared.working is None
    assert view["comparison"].export() is None
    assert (view.compared.survey, view.compared.said) == (None, NO_RUN)


class TestWithoutTwoRuns:
    def test_none_open(self, state: AppState, runner: Runner) -> None:
        state.tab = "compare"
        view = CompareTab(state, Browser(), runner)
        assert view.compared.said == NO_RUN
        assert view.compare_bar.other.disabled
        for part in (view["comparison"], view["changes"], view["both cells"]):
            assert part.export() is None
        assert view.stacked.export() is None

    def test_only_one(
        self, state: AppState, services: Services, runner: Runner, until: Until
    ) -> None:
        (only,) = save_runs(services.jobs.home, fits()[-1:])
        runner.open(only)
        state.tab = "compare"
        view = CompareTab(state, Browser(), runner)
        until(lambda: view.compared.said == ALONE)

    def test_only_of_other_data(
        self, state: AppState, services: Services, runner: Runner, until: Until
    ) -> None:
        other, open_ = save_runs(services.jobs.home, [fits()[1], fits()[3]])
        runner.open(open_)
        state.tab = "compare"
        view = CompareTab(state, Browser(), runner)
        until(lambda: view.compared.said.startswith("No other finished run is on the data"))
        state.other = other
        said = view.compared.said
        assert said.startswith("Expected a run on the same data as the open one; found other total")
        assert "60 of 60 common cells of 'other data'. Fit a model" in said


class TestTable:
    def test_runs_on_the_same_data_beside_the_open_one(
        self, shared: Shown, saved: tuple[Path, list[str]]
    ) -> None:
        ids = saved[1]
        state, view = shared
        assert view["comparison"]._shown is not None
        assert list(view["comparison"]._shown.index) == [ids[3], ids[2], ids[0]]
        value = view["comparison"].table.widget.value
        cells = {name: value[f"c{j}"].tolist() for j, name in enumerate(COLUMNS)}
        assert cells["run"] == ["A: open", f"half {EVIL}", "topics"]
        assert cells["model"] == ["LNMVCP", "LNMVCP", "LDA"]
        assert cells["scored"] == ["same cells"] * 3
        assert np.isnan(cells["gain"][0])
        assert cells["gain"][1] < 0 < cells["gain"][2]
        assert cells["marginal_gain"][1] == pytest.approx(2)
        assert cells["log_marginal"][2] == "–"
        # the row of run B is selected
        assert view["comparison"].table.widget.selection == [1]
        view["comparison"].table.widget.selection = [2]
        assert state.other == ids[0]

    def test_runs_can_be_left_out(self, shared: Shown) -> None:
        _state, view = shared
        half, other = view.compare_bar.table.value
        assert (half, other) == (f"half {EVIL}"[:29] + "…", "topics")
        view.compare_bar.table.value = ["topics"]
        assert view["comparison"].table.widget.value["c0"].tolist() == ["A: open", "topics"]
        view.compare_bar.table.value = [half, "topics"]
        assert len(view["comparison"].table.widget.value) == 3

    def test_misfits_come_with_a_look(
        self, shown: Shown, services: Services, ids: list[str], until: Until
    ) -> None:
        state, view = shown
        path = services.jobs.folder(ids[2]) / FILE
        counted = {"zeros": 3, "mean": 1}
        rows = [
            {"group": "all cells", "discrepancy": name, "n_genes": n} for name, n in counted.items()
        ]
        passes = services.jobs.status(ids[2]).passes
        path.write_text(json.dumps({"map": {"passes": passes, "misfits": rows, "n_draws": 50}}))
        state.tab = "data"
        state.tab = "compare"
        survey = view.compared.survey
        assert survey is not None
        assert survey.table.loc[ids[2], "misfits"] == 4
        assert survey.table.loc[ids[2], "misfits: zeros"] == 3
        place = f"c{list(COLUMNS).index('check')}"
        cells = view["comparison"].table.widget.value[place].tolist()
        assert cells == ["–", "at the mode, 50 draws", "–"]


class TestTwo:
    def test_correlations_switch_three_ways(self, shared: Shown) -> None:
        state, view = shared
        assert state.fit is not None
        assert view.compared.beside is not None
        order = view["changes"].heatmap.columns.names
        both = [state.fit, view.compared.beside.other.fit]
        one, other = (summaries.clr_correlation(f, order).to_numpy() for f in both)
        for which, expected in (("change", other - one), ("one", one), ("other", other)):
            view.choices.heat = which
            drawn = view["changes"].heatmap.values[::-1]
            np.testing.assert_allclose(drawn, expected, atol=1e-6)
            assert view["changes"].heatmap.columns.names == order
        mapper = view["changes"].heatmap._mapper
        assert mapper.low == -mapper.high

    def test_a_changed_pair_is_chosen_everywhere(self, shared: Shown) -> None:
        state, view = shared
        pairs = view["pairs"]
        first = pairs.result.iloc[0]
        pairs.table.widget.selection = [0]
        assert state.pair == (first["first"], first["second"])
        state.pair = state.pair[::-1]
        assert pairs.table.widget.selection == [0]
        state.pair = None
        assert pairs.table.widget.selection == []
        state.top_genes = 5
        view.choices.among = "shown"
        assert len(pairs.result) == 10
        genes = {*pairs.result["first"], *pairs.result["second"]}
        assert genes == set(view["changes"].heatmap.columns.names)

    def test_factors_are_matched(self, shared: Shown) -> None:
        state, view = shared
        view.stacked.turn("matched")
        matched = view["matched"]
        value = matched.table.widget.value
        assert value["c1"].tolist() == ["factor 2", "factor 3", "factor 1", "–"]
        np.testing.assert_allclose(np.abs(value["c2"][:3]), 1)
        np.testing.assert_allclose(np.abs(value["c3"][:3]), 1)
        matched.table.widget.selection = [1]
        assert state.factor == 1
        matched.choose_both(0, 2)
        assert (state.factor, view.choices.beside) == (0, 2)
        for by in ("cosine", "overlap"):
            view.choices.by = by
            assert matched.table.widget.value["c1"][2] == "factor 1"

    def test_one_selection_on_both_sides(
        self, shared: Shown, saved: tuple[Path, list[str]]
    ) -> None:
        ids = saved[1]
        state, view = shared
        beside = view.compared.beside
        assert beside is not None
        assert (beside.run, len(beside.here)) == (ids[2], 30)
        xy = view["both cells"]._xy[1]
        box = {"type": "rect", "x0": xy[:, 0].min(), "x1": 0.0, "y0": -99.0, "y1": 99.0}
        view["both cells"]._outlined(1, box, {})
        assert state.selected is not None
        selected = set(state.fit.cells[state.selected])  # type: ignore[union-attr]
        assert selected == set(beside.other.fit.cells[xy[:, 0] <= 0])
        drawn = view["both cells"].plots[1].points.source.data["colour"][:, 3] > 0
        assert drawn.sum() == len(selected)

    def test_labels_have_one_legend_and_scores_two(self, shared: Shown) -> None:
        state, view = shared
        assert state.colour == f"{LABEL}cell_type"
        assert view["both cells"]._legend.object.count('class="legend"') == 1
        state.choose_factor(0)
        assert view["both cells"]._legend.object.count('class="bar"') == 2
        assert "factor 2 score" in view["both cells"]._legend.object
        assert "<img" not in view["both cells"]._legend.object

    def test_topics_beside_factors(self, shown: Shown, ids: list[str], until: Until) -> None:
        state, view = shown
        view.stacked.turn("cells")
        state.other = ids[0]
        until(lambda: view.layout.xy is not None)
        assert view.compared.beside is not None
        assert view.compared.beside.run == ids[0]
        assert len(view["cell by cell"].choice.options) == 1
        assert view.compare_bar.other.value == "topics"
        view.stacked.turn("matched")
        assert "topic 1" in view["matched"].table.widget.value["c1"].tolist()
        assert state.run_error is None

    def test_another_open_run(self, shown: Shown, ids: list[str], until: Until) -> None:
        state, view = shown
        state.other = ids[0]
        view.layout.runner.open(ids[0])
        until(lambda: view.compared.beside is not None and state.fit is not None)
        # run B is open now, so another run is compared
        until(lambda: view.compared.beside is not None and view.compared.beside.run == ids[3])
        assert view.compare_bar.other.value == "open"


EXPORTS: dict[str, Callable[[CompareTab], Any]] = {
    "runs": lambda view: view["comparison"].export(),
    "correlations": lambda view: view["changes"].export(),
    "cells": lambda view: view["both cells"].export(),
    "pairs": lambda view: view.stacked.export(),
    "matched": lambda view: view.stacked.turn("matched") or view.stacked.export(),
    "scatter": lambda view: view.stacked.turn("cells") or view.stacked.export(),
}


def test_figures_and_their_data_can_be_taken_away(shared: Shown, subtests: pytest.Subtests) -> None:
    state, view = shared
    state.select(np.arange(60) % 2 == 0)
    for name, take in EXPORTS.items():
        with subtests.test(name):
            export = take(view)
            assert export.draw().axes
            table = export.table()
            assert isinstance(table, pd.DataFrame)
            assert len(table) > 1
