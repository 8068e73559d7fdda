from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import pytest
from bokeh.events import AxisClick, Tap

from dashboard.browser import Browser
from dashboard.cards.table import Column, Table
from dashboard.cards.topics.structure import legend
from dashboard.cards.topics.tab import TopicsTab
from dashboard.plots.topic_structure import StructurePlot, spread
from dashboard.state import AppState
from engine import summaries
from engine.results import AnyFit
from tests.dashboard.synthetic import make_fit
from tests.dashboard.widgets import choices
from tests.engine.summaries.made_topics import made_topics
from tests.waiting import PATIENCE

EVIL = '<img src=x onerror="alert(1)">'
pn.extension("tabulator")


def shown(fit: AnyFit) -> tuple[AppState, TopicsTab]:
    state = AppState(tab="topics")
    view = TopicsTab(state, Browser())
    state.show_fit(fit)
    settle(view)
    assert state.run_error is None, state.run_error
    return state, view


def settle(view: TopicsTab) -> None:
    for part in (view["map"], view["structure"], view["labels"]):
        if part.working is not None:
            part.working.result(PATIENCE)


@pytest.fixture(scope="module", params=["topics", "factors"])
def page(request: pytest.FixtureRequest) -> tuple[AppState, TopicsTab, Callable[[], None]]:
    topics = request.param == "topics"
    state, view = shown(made_topics(40, 5, 0, cells=60) if topics else make_fit(cells=60))
    return state, view, choices(state, view.choices)


@pytest.fixture
def both(page: tuple[AppState, TopicsTab, Callable[[], None]]) -> tuple[AppState, TopicsTab]:
    """A page of topics, one of factors; all tests share them, each with the first choices."""
    state, view, back = page
    back()
    settle(view)
    return state, view


def test_nothing_is_worked_out_while_another_tab_is_in_front() -> None:
    state = AppState(tab="explore")
    view = TopicsTab(state, Browser())
    state.show_fit(made_topics(40, 5, 0))
    assert view["map"].working is None
    assert view["ranking"].export() is None
    state.tab = "topics"
    settle(view)
    assert len(view["map"].map.source.data["x"]) == 5


def test_a_topic_chosen_anywhere_is_chosen_everywhere(both: tuple[AppState, TopicsTab]) -> None:
    state, view = both
    assert state.fit is not None
    before = list(view["ranking"].bars.rows.names)
    view["labels"].table.widget.selection = [2]
    assert state.factor == 2
    assert view.topic_bar.choice.value == state.names[2]
    assert len(view["map"].map._ring.data["x"]) == 1
    assert list(view["ranking"].bars.rows.names) != before
    best = summaries.ranking(state.fit, 2, view.choices.measure_of(state.fit)).index[0]
    assert view["ranking"].table.widget.value["c0"].iloc[0] == best


def test_genes_of_a_topic_are_ranked_by_relevance_unless_asked(
    both: tuple[AppState, TopicsTab],
) -> None:
    """By probability, the genes that all cells have come first."""
    state, view = both
    usual = "relevance" if state.is_topics else summaries.measures(state.fit)[0]
    assert view.choices.measure_of(state.fit) == usual
    assert view.choices.weight == 0.6
    assert view["ranking"].weight.disabled != state.is_topics
    assert "\n" in view["ranking"].bars.figure.title.text, "no room on one line"


def test_labels_of_groups_are_all_there_and_apart() -> None:
    placed = spread([1.0, 2.0, 3.0, 50.0, 99.0], 6.0, 100)
    assert all(b - a >= 6 - 1e-9 for a, b in pairwise(placed))
    assert min(placed) >= 0
    assert max(placed) <= 100
    assert placed[3] == 50
    assert spread([97.0, 98.0, 99.0], 6.0, 100) == [88.0, 94.0, 100.0]
    sizes = [3, 2, 200, 1, 4, 190]
    index = [(f"group {j}", f"c{j} {c}") for j, n in enumerate(sizes) for c in range(n)]
    columns = pd.MultiIndex.from_tuples(index, names=["group", "cell"])
    plot, clicked = StructurePlot(), []
    plot.show(pd.DataFrame(np.full((len(index), 2), 0.5), index=columns), ["a", "b"])
    plot.on_group(clicked.append)
    axis = plot.figure.xaxis[0]
    assert len(axis.ticker.ticks) == 6
    assert axis.major_label_policy.__class__.__name__ == "AllLabels"
    for tick in axis.ticker.ticks:
        axis._trigger_event(AxisClick(axis, tick + 1))
    assert clicked == [f"group {j}" for j in range(6)]


def test_a_long_legend_takes_two_columns() -> None:
    assert "many" not in legend(tuple("abcdefghijkl"), None)
    assert "many" in legend(tuple("abcdefghijklm"), None)


def test_measures_and_the_weight_reorder(both: tuple[AppState, TopicsTab]) -> None:
    state, view = both
    assert state.fit is not None
    for measure in summaries.measures(state.fit):
        view.choices.measure = measure
        order = list(view["ranking"].table.widget.value["c0"])
        assert order == list(summaries.ranking(state.fit, 0, measure).index)
        assert view["ranking"].weight.disabled == (measure != "relevance")
    if state.is_topics:
        view.choices.param.update(measure="relevance", weight=0.0)
        order = list(view["ranking"].table.widget.value["c0"])
        assert order == list(summaries.ranking(state.fit, 0, "relevance", 0.0).index)


def test_a_gene_is_sent_to_explore(both: tuple[AppState, TopicsTab]) -> None:
    state, view = both
    gene = view["ranking"].table.widget.value["c0"].iloc[3]
    view["ranking"]._explore(3)
    assert state.marked == (gene,)
    assert state.tab == "explore"


def test_top_cells_are_selected(both: tuple[AppState, TopicsTab]) -> None:
    state, view = both
    assert state.fit is not None
    view.stacked.turn("cells")
    cells = view["top cells"]
    cells.table.widget.selection = [0, 1]
    top = summaries.top_cells(state.fit, 0, 2)["position"]
    assert state.selected is not None
    assert set(np.flatnonzero(state.selected)) == set(top)
    assert view["structure"].plot._strip.data["image"][0].sum() == 2


def test_names_are_given_here_and_shown_everywhere(both: tuple[AppState, TopicsTab]) -> None:
    state, view = both
    view.topic_bar.own_name.value = EVIL
    assert state.names[0] == EVIL
    assert view["labels"].table.widget.value["c0"].iloc[0] == EVIL
    assert "<img" not in legend(tuple(state.names), 0)
    view.topic_bar.own_name.value = state.names[1]
    assert view.topic_bar.own_name.value == EVIL


def test_the_table_of_labels_is_of_the_shown_fit() -> None:
    state, view = shown(made_topics(40, 5, 0, cells=20))
    labels = view["labels"]

    def words() -> tuple[str, str, str]:
        widget = labels.table.widget
        tip, digits = widget.header_tooltips["c2"], widget.formatters["c2"].format
        return widget.titles["c0"], tip, digits

    def cells() -> int:
        return int((state.fit.obs["label"] == "a").sum())

    few = cells()
    assert words() == ("Topic", f"a: {few} cells", "0.000")
    topics = made_topics(40, 5, 1, cells=90)
    state.show_fit(topics)
    settle(view)
    assert cells() > few
    assert words() == ("Topic", f"a: {cells()} cells", "0.000")
    factors = make_fit(cells=90)
    state.show_fit(replace(factors, obs=topics.obs.set_axis(factors.cells)))
    settle(view)
    assert words() == ("Factor", f"a: {cells()} cells", "0.00")
    assert list(labels._panel) == [labels.table.widget]


def test_titles_of_tables_are_text() -> None:
    table = Table([Column(EVIL), Column("n", "0.0", EVIL)])
    assert "<" not in "".join(table.widget.titles.values())
    assert "<" not in "".join(table.widget.header_tooltips.values())


def test_as_many_topics_as_can_be_fitted_are_drawn_and_clicked() -> None:
    values = np.zeros((2, 500))
    values[[0, 1], [299, 499]] = 1.0
    index = pd.MultiIndex.from_product([["a"], ["one", "two"]], names=["group", "cell"])
    plot, clicked = StructurePlot(), list[int]()
    plot.show(pd.DataFrame(values, index), [f"topic {k + 1}" for k in range(500)])
    np.testing.assert_array_equal(np.unique(plot.values, axis=0), [[299, 499]])
    plot.on_topic(clicked.append)
    for place in (0.5, 1.5):
        plot.figure._trigger_event(Tap(plot.figure, x=place, y=0.5))
    assert clicked == [299, 499]


EXPORTS: dict[str, Callable[[TopicsTab], Any]] = {
    "map": lambda view: view["map"].export(),
    "structure": lambda view: view["structure"].export(),
    "ranking": lambda view: view["ranking"].export(),
    "labels": lambda view: view["labels"].export(),
}


def test_figures_and_their_data_can_be_taken_away(
    both: tuple[AppState, TopicsTab], subtests: pytest.Subtests
) -> None:
    for name, take in EXPORTS.items():
        with subtests.test(name):
            export = take(both[1])
            assert export.draw().axes
            assert len(export.table())
