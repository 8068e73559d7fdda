"""Why a fit has its number of factors or topics: on the page, in files and in the report."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import panel as pn
import pytest

from dashboard import actions, size_selection
from dashboard.browser import Browser
from dashboard.cards.data.selected_size import NumberView
from dashboard.cards.data.tab import DataTab
from dashboard.cards.explore.factor_loadings import LoadingsView
from dashboard.cards.frame import waiting
from dashboard.controls.run import words
from dashboard.export import Provenance, render
from dashboard.plots.style import ACCENT, MISSING
from dashboard.plots.sweep_curve import HOLLOW, points
from dashboard.reader import summarise
from dashboard.report import Subject, document, report_tables
from dashboard.report.figures import as_they_stand, complete
from dashboard.state import AppState
from engine.jobs import JobStatus
from engine.lnm.config import LNMConfig
from engine.results import AnyFit, Selection, Tried, with_selection
from tests.dashboard.synthetic import make_counts, make_fit, make_topic_fit

EVIL = "<img src=x onerror=alert(1)>"
REASON = f"5 factors: the fewest that predict as well {EVIL}."


def selected_fit(topics: bool = False) -> AnyFit:
    looked: tuple[bool | None, ...] = (None,) * 3 if topics else (True, False, None)
    known = zip((1, 5, 20), (0.0125, 0.0004, 0.0), (0.002, 0.0006, 0.0), looked, strict=True)
    tried = tuple(
        Tried(size, 400.0 - size, behind, error, structure, 2.5)
        for size, behind, error, structure in known
    )
    fit = make_topic_fit(60, 30, 5) if topics else make_fit(60, 30, 5)
    return with_selection(fit, Selection(5, REASON, tried, 1300, 1))  # type: ignore[type-var]


def words_of(view: Any) -> str:
    return " ".join(str(pane.object) for pane in view.__panel__().select(pn.pane.HTML))


def test_one_number_makes_no_curve(state: AppState) -> None:
    view = NumberView(state, Browser())
    one = (Tried(0, 400.0, 0.0, 0.0, False, 2.5),)
    for tried, hidden in ((one, True), ((*one, Tried(1, 401.0, 0.1, 0.1, None, 1.0)), False)):
        fit = with_selection(make_fit(60, 30, 1), Selection(1, REASON, tried, 1300, 1))
        state.show_fit(fit)
        assert ("silent" in view._curve.css_classes) == hidden
    assert "best" in words_of(view)


@pytest.mark.parametrize("topics", [False, True])
def test_the_curve_and_its_table_are_there_where_the_number_was_chosen(
    state: AppState, topics: bool
) -> None:
    view = NumberView(state, Browser())
    assert not len(view.__panel__())
    state.show_fit(selected_fit(topics))
    said = words_of(view)
    assert "&lt;img" in said
    assert "<img" not in said
    for part in (
        "5 (chosen)",
        "0.013 ± 0.002",
        "0.0004 ± 0.0006",
        ">best<",
        "1,300 cells",
        "1 other cell",
    ):
        assert part in said, part
    assert ("by chance alone" in said) != topics
    assert view.plot.suggested.data["x"] == [1]
    assert view.plot.figure.xaxis[0].major_label_overrides == {0: "1", 1: "5", 2: "20"}
    assert view.plot.figure.xaxis[0].axis_label == f"number of {'topics' if topics else 'factors'}"
    fills = [ACCENT] * 3 if topics else [HOLLOW, ACCENT, MISSING]
    assert list(view.plot.source.data["fill"]) == fills
    state.show_fit(make_fit(60, 30, 5))
    assert not len(view.__panel__()), "a person gave this number"


def test_it_says_where_the_counts_are_not_those_of_the_run(state: AppState) -> None:
    view = NumberView(state, Browser())
    request = {"source": "folder/other.h5ad"}
    status = JobStatus("1", "my run", "fit", "done", 0.0, request=request)
    state.param.update(status=status, run="1", summary=summarise(make_counts()), brought="1")
    state.show_fit(selected_fit())
    assert "other.h5ad" not in words_of(view)
    state.brought = None
    assert "Of the open run my run, which was fitted to other.h5ad; not of" in words_of(view)
    assert "5 (chosen)" in words_of(view)
    state.brought = "1"
    assert "other.h5ad" not in words_of(view)


def test_it_is_on_the_tab_of_the_data_to_be_taken_away(state: AppState) -> None:
    view = DataTab(state, Browser())
    state.show_fit(fit := selected_fit())
    assert "nats per count behind" in words_of(view)
    export = as_they_stand(state)[size_selection.NAME]
    assert render(export, "svg", Provenance.of(state), fit)
    table = pd.read_csv(io.BytesIO(render(export, "csv", Provenance.of(state), fit)), index_col=0)
    assert table.index.tolist() == [1, 5, 20]
    assert table["chosen"].tolist() == [False, True, False]
    assert table["behind_error"].tolist() == [0.002, 0.0006, 0.0]


def test_a_line_leads_there(state: AppState) -> None:
    view = LoadingsView(state, Browser())
    state.tab = "explore"
    state.show_fit(selected_fit())
    assert "why 5?" in words_of(view)
    assert "5 factors, chosen from the counts" in size_selection.line(state.fit)
    browser = Browser()
    actions.connect(browser, state)
    actions._turn(state, "nowhere")
    assert state.tab == "explore"
    actions._turn(state, "data")
    assert state.tab == "data"
    state.show_fit(make_fit(60, 30, 5))
    assert "why 5?" not in words_of(view)
    assert size_selection.line(state.fit) == ""


@pytest.mark.parametrize("topics", [False, True])
def test_a_report_has_reason_table_and_figure_once(state: AppState, topics: bool) -> None:
    fit = selected_fit(topics)
    kind = "topics" if topics else "factors"
    DataTab(state, Browser())
    state.show_fit(fit)
    for shown in ({}, as_they_stand(state)):
        figures = complete(fit, shown)
        assert [f.title for f in figures].count(f"Number of {kind}") == 1
        # The others are drawn by the tests of the report.
        own = [figure for figure in figures if figure.title == f"Number of {kind}"]
        text = document(Subject.of(fit), own).decode("utf-8")
        assert f">Number of {kind}</h2>" in text
        assert text.count("0.0004 ± 0.0006") == 1
        assert "could not be drawn" not in text
        assert "<img" not in text
    assert "Number of" not in document(Subject.of(make_fit(60, 30, 5)), []).decode("utf-8")
    plt.close("all")


def test_one_number_alone_is_drawn(state: AppState) -> None:
    none = Selection(0, "None.", (Tried(0, 50.0, 0.0, 0.0, False, 1.0),), 30, 20)
    state.show_fit(with_selection(make_fit(60, 30, 0), none))
    view = NumberView(state, Browser())
    assert "0 (chosen)" in words_of(view)
    export = view.export()
    assert export is not None
    export.draw()


def test_points_of_a_sweep_are_all_alike() -> None:
    table = pd.DataFrame({"value": [5, 10], "perplexity": [2.0, 1.0], "perplexity_se": [0.1, 0.1]})
    values = points(table, "perplexity")
    assert values["x"].tolist() == [0, 1]
    assert set(values["fill"]) == {ACCENT}


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("choosing how many factors: 10", "Choosing how many factors: trying 10"),
        ("choosing how many topics: 5", "Choosing how many topics: trying 5"),
        ("choosing how many factors: what 5 factors leave", "factors: looking at what 5 factors"),
        ("fitting: x", "Fitting: x"),
    ],
)
def test_progress_names_no_number_that_is_but_tried(state: AppState, phase: str, said: str) -> None:
    status = JobStatus.new("fit", "demo · lnm", config=LNMConfig().to_dict())
    status = replace(status, state="running", phase=phase)
    assert said in words(status)
    state.param.update(run=status.id, status=status)
    pane = pn.pane.HTML(waiting(state))
    assert not any(character.isdigit() for character in str(pane.object))
    # A run that was stopped meanwhile has no result.
    state.status = replace(status, state="stopped", phase="")
    assert "no result" in str(pane.object)


def test_settings_of_a_report_tell_the_number(state: AppState) -> None:
    row = report_tables.configuration(Subject.of(selected_fit())).loc["n_factors"]
    assert list(row) == ["Factors", "5", "chosen from the counts"]
