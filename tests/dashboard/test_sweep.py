from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import panel_material_ui as pmui
import pytest

from dashboard import figures
from dashboard.cards.topics.how_many import ManyView, page
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.controls.run import COMPARE, STOP, RunControl
from dashboard.plots.sweep_curve import MEASURES, SweepPlot, points
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.checks import Sweep
from engine.checks.sweep import suggest
from engine.data import DataRequest
from tests.dashboard.synthetic import Steps, make_counts
from tests.dashboard.widgets import find
from tests.engine.jobs.real_runs import HOLDOUT, MORE_CELLS
from tests.tiny import GENES

Until = Callable[[Callable[[], object]], None]


def made_up(**more: Any) -> Sweep:
    table = pd.DataFrame(
        {
            "value": [5, 10, 20],
            "n_seeds": 1,
            "perplexity": [430.0, 412.0, 411.9],
            "perplexity_se": 4.0,
            "excess": [18.1, 0.1, 0.0],
            "excess_se": [1.5, 0.2, 0.0],
            "coherence": [0.2, 0.1, np.nan],
            "diversity": 0.9,
            "effective": [4.8, 9.0, 15.0],
            "stability": np.nan,
            "seconds": [2.0, 4.0, 8.0],
        }
    )
    runs = pd.DataFrame({"value": [5, 10, 20], "state": "done", "message": ""})
    suggested, reason = suggest(table, "topics")
    values = {"id": "s", "name": "d · lda", "model": "lda", "parameter": "topics", "holdout": 0.1}
    values |= {"finished": True, "table": table, "runs": runs}
    return Sweep(**values | {"suggested": suggested, "reason": reason} | more)


def test_points_have_the_errors_of_their_measure_and_leave_the_unknown_out() -> None:
    table = made_up().table
    assert points(table, "excess")["high"].tolist() == pytest.approx([19.6, 0.3, 0.0])
    assert points(table, "perplexity")["low"].tolist() == [426.0, 408.0, 407.9]
    assert points(table, "coherence")["value"].tolist() == [5, 10]
    assert (points(table, "seconds")["low"] == table["seconds"]).all()
    assert not len(points(table, "stability"))


@pytest.mark.parametrize("measure", MEASURES)
def test_a_chart_and_its_figure_mark_what_is_suggested(measure: str) -> None:
    sweep, plot = made_up(), SweepPlot()
    plot.show(sweep.table, measure, parameter="topics", suggested=sweep.suggested)
    known = points(sweep.table, measure)["value"].tolist()
    assert plot.suggested.data["x"] == [k for k, value in enumerate(known) if value == 10]
    assert plot.figure.yaxis.axis_label == MEASURES[measure].title
    figure = figures.sweep(sweep.table, measure, parameter="topics", suggested=10)
    (axes,) = figure.axes
    assert axes.get_xlabel() == "number of topics"


def test_words_tell_what_to_choose_and_why_and_what_went_wrong() -> None:
    words = page(made_up())
    assert "<h3>10 topics</h3>" in words
    assert "standard error" in words
    assert "0.1 ± 0.2" in words
    runs = made_up().runs.assign(state=["done", "failed", "running"], message="<b>no</b>")
    words = page(made_up(runs=runs, finished=False, suggested=None))
    assert "1 of 3 runs have ended" in words
    assert "10 topics: &lt;b&gt;no" in words


def test_no_factors_at_all_may_be_suggested() -> None:
    assert "<h3>0 factors</h3>" in page(made_up(suggested=0, parameter="factors"))


@pytest.mark.slow
def test_numbers_are_compared_from_the_page(
    runner: Runner,
    state: AppState,
    steps: Steps,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The same numbers of cells and genes as in other tests.
    monkeypatch.setattr(DataRequest, "load", lambda _: make_counts(MORE_CELLS, GENES - 1))
    view = ManyView(state, TopicChoices(table="many"))
    control = RunControl(state, runner)
    runner.read()
    until(lambda: state.ready)
    state.param.update(model="lnm", tried="0, 2", held_out=round(100 * HOLDOUT))
    button = find(control.settings, pmui.Button, COMPARE)
    button.clicks += 1
    assert state.tab == "topics"
    assert [run.config["n_factors"] for run in state.runs] == [2, 0]
    until(lambda: state.swept is not None)
    assert not state.swept.finished
    assert button.label == STOP
    steps.go_on.set()
    until(lambda: state.swept.finished)
    assert button.label == COMPARE
    assert set(state.swept.runs["value"]) == {0, 2}
    assert state.sweep in view.sweep.options.values()
    state.tried = "2, many"
    button.clicks += 1
    assert "many" in state.run_error.got


@pytest.mark.slow
def test_a_comparison_is_stopped(runner: Runner, state: AppState, until: Until) -> None:
    control = RunControl(state, runner)
    runner.read()
    until(lambda: state.ready)
    state.param.update(model="lnm", tried="2, 3, 4")
    runner.sweep()
    find(control.settings, pmui.Button, STOP).clicks += 1
    until(lambda: not any(run.active for run in state.runs))
    assert len(state.runs) == 3


def test_without_counts_nothing_is_compared(runner: Runner, state: AppState) -> None:
    runner.sweep()
    assert state.sweep is None
    assert state.run_error.expected == "counts to fit"
