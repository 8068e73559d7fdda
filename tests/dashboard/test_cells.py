from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.events import PanStart, RangesUpdate, SelectionGeometry
from bokeh.models import BoxSelectTool, LassoSelectTool

from dashboard.actions import connect
from dashboard.browser import Browser
from dashboard.cards.explore.cell_map import CellsView
from dashboard.plots.cells import MOST_POINTS, CellPlot
from dashboard.plots.colours import colour_labels, colour_numbers
from dashboard.plots.raster import EDGE
from dashboard.plots.style import CATEGORICAL
from dashboard.state import CAPTURE, FACTOR, LABEL, TOTAL_COUNTS, AppState, Embedding
from tests.dashboard.synthetic import make_fit

EVIL = '<img src=x onerror="alert(1)">'
BOX = {"type": "rect", "x0": -50.0, "x1": 50.0, "y0": -50.0, "y1": 0.0}


@pytest.fixture
def view(state: AppState) -> CellsView:
    browser = Browser()
    connect(browser, state)
    view = CellsView(state, browser)
    view.browser = browser
    return view


def words(view: CellsView) -> str:
    return " ".join(str(p.object) for p in view.__panel__().select(pn.pane.HTML) if p.visible)


def drawn(view: CellsView) -> dict[str, Any]:
    return dict(view.plot.points.source.data)


def outline(view: CellsView, geometry: dict[str, Any], **keys: bool) -> None:
    """Send what the browser sends: the start of the drag, then the outline."""
    figure = view.plot.figure
    figure._trigger_event(PanStart(figure, modifiers={"shift": False, "alt": False} | keys))
    figure._trigger_event(SelectionGeometry(figure, geometry=geometry))


class TestView:
    def test_factors_before_the_umap_and_the_umap_after(
        self, state: AppState, view: CellsView
    ) -> None:
        assert "press Fit" in words(view)
        fit = make_fit(cells=50)
        state.show_fit(fit)
        np.testing.assert_allclose(np.sort(drawn(view)["x"]), np.sort(fit.scores[:, 0]))
        assert view.plot.figure.xaxis.axis_label == "factor 1 score (prior sd)"
        state.embedding = Embedding(fit.scores[:, :2] + 100, "umap", "k")
        assert min(drawn(view)["x"]) > 90
        assert view.plot.figure.x_range.start > 90
        assert view.plot.figure.xaxis.axis_label == "UMAP 1"

    def test_an_embedding_of_other_cells_is_not_used(
        self, state: AppState, view: CellsView
    ) -> None:
        state.show_fit(make_fit(cells=50))
        state.embedding = Embedding(np.zeros((7, 2)), "umap", "k")
        assert len(drawn(view)["x"]) == 50

    def test_choosing_a_factor_recolours_and_retitles(
        self, state: AppState, view: CellsView
    ) -> None:
        state.show_fit(make_fit(cells=50))
        assert "cell_type" in words(view)
        before = drawn(view)["colour"].copy()
        state.choose_factor(1)
        assert "factor 2 score" in words(view)
        assert (drawn(view)["colour"] != before).any()
        (select,) = view.__panel__().select(pmui.Select)
        assert select.value == FACTOR
        select.value = TOTAL_COUNTS
        assert state.colour == TOTAL_COUNTS

    def test_a_label_chosen_by_hand_stays_when_a_factor_is_chosen(
        self, state: AppState, view: CellsView
    ) -> None:
        state.show_fit(make_fit(cells=50))
        (select,) = view.__panel__().select(pmui.Select)
        label = f"{LABEL}cell_type"
        select.value = TOTAL_COUNTS
        select.value = label
        state.choose_factor(1)
        assert state.colour == select.value == label
        assert state.heat == "factor"
        select.value = FACTOR
        select.value = CAPTURE
        state.choose_factor(2)
        assert state.colour == FACTOR
        # A label set by the page alone gives way to the factor.
        state.colour = label
        state.choose_factor(0)
        assert state.colour == FACTOR

    @pytest.mark.slow
    @pytest.mark.parametrize("cells", [50, MOST_POINTS + 1])
    def test_selected_cells_have_an_outline(
        self, state: AppState, view: CellsView, cells: int
    ) -> None:
        state.show_fit(make_fit(cells=cells))
        plain = view.plot.image.data["image"]
        state.select(np.arange(cells) < 10)
        if cells > MOST_POINTS:
            assert (view.plot.image.data["image"][0] == np.uint32(EDGE)).any()
            assert not (plain[0] == np.uint32(EDGE)).any()
        else:
            edges = drawn(view)["edge"]
            assert sorted(edges) == [0] * 40 + [1] * 10
            assert view.plot.points.over.glyph.line_alpha == "edge"
            state.select(None)
            assert not drawn(view)["edge"].any()

    def test_a_new_fit_does_not_lose_the_chosen_colour(
        self, state: AppState, view: CellsView
    ) -> None:
        state.show_fit(make_fit())
        state.colour = CAPTURE
        state.show_run("next")
        assert state.colour == CAPTURE
        state.show_fit(make_fit(seed=3))
        assert state.colour == CAPTURE
        assert view.__panel__().select(pmui.Select)[0].value == CAPTURE

    def test_chosen_genes_are_offered(self, state: AppState, view: CellsView) -> None:
        state.show_fit(make_fit())
        (select,) = view.__panel__().select(pmui.Select)
        assert "clr:GENE3" not in select.options.values()
        state.choose_gene("GENE3")
        assert "clr:GENE3" in select.options.values()
        state.choose_pair("GENE5", "GENE6")
        select.value = "clr:GENE5"
        assert "GENE5 CLR" in words(view)
        state.pair = None
        assert state.colour == select.value == "clr:GENE5"

    def test_export_gives_what_is_shown(self, state: AppState, view: CellsView) -> None:
        assert view.export() is None
        fit = make_fit(cells=30)
        state.show_fit(fit)
        state.select(np.arange(30) < 10)
        export = view.export()
        assert export is not None
        state.choose_factor(0)
        table = export.table()
        assert list(table.index) == list(fit.cells)
        assert list(table["cell_type"]) == list(fit.obs["cell_type"])
        assert table["selected"].sum() == 10
        assert export.draw().get_axes()


class TestSelecting:
    @pytest.mark.parametrize("cells", [60, pytest.param(MOST_POINTS + 60, marks=pytest.mark.slow)])
    def test_drawing_replaces_adds_and_removes(
        self, state: AppState, view: CellsView, cells: int
    ) -> None:
        fit = make_fit(cells=cells)
        state.show_fit(fit)
        below, left = fit.scores[:, 1] <= 0, fit.scores[:, 0] <= 0
        outline(view, BOX)
        np.testing.assert_array_equal(state.selected, below)
        half = BOX | {"x1": 0.0, "y1": 50.0}
        outline(view, half, alt=True)
        np.testing.assert_array_equal(state.selected, below & ~left)
        outline(view, half, shift=True)
        np.testing.assert_array_equal(state.selected, below | left)
        outline(view, half)
        np.testing.assert_array_equal(state.selected, left)
        outline(view, BOX | {"y0": 40.0, "y1": 41.0})
        assert state.selected is None

    def test_the_switch_does_what_the_keys_do(self, state: AppState, view: CellsView) -> None:
        fit = make_fit(cells=60)
        state.show_fit(fit)
        (switch,) = view.__panel__().select(pmui.RadioButtonGroup)
        outline(view, BOX)
        switch.value = "add"
        outline(view, BOX | {"y1": 50.0})
        assert state.selected.all()
        switch.value = "subtract"
        outline(view, BOX)
        np.testing.assert_array_equal(state.selected, fit.scores[:, 1] > 0)

    def test_what_is_no_outline_leaves_the_selection(
        self, state: AppState, view: CellsView
    ) -> None:
        outline(view, BOX)
        state.show_fit(make_fit(cells=60))
        outline(view, BOX)
        before = state.selected
        outline(view, {"type": "poly", "x": ["a"], "y": [None]})
        assert state.selected is before

    def test_only_selected_cells_keep_their_colour(self, state: AppState, view: CellsView) -> None:
        fit = make_fit(cells=60)
        state.show_fit(fit)
        assert not view.plot.points.under.visible
        state.select(np.arange(60) < 20)
        for _ in range(2):
            coloured = dict(zip(drawn(view)["cell"], drawn(view)["colour"][:, 3] > 0, strict=True))
            assert [name for name in fit.cells if coloured[name]] == list(fit.cells[:20])
            assert view.plot.points.under.visible
            state.choose_factor(2)
        state.select(None)
        assert drawn(view)["colour"][:, 3].all()
        assert not view.plot.points.under.visible

    def test_a_label_of_the_legend_selects_its_cells(
        self, state: AppState, view: CellsView
    ) -> None:
        fit = make_fit(cells=60, labels=(EVIL, "b"))
        state.show_fit(fit)
        buttons = re.findall(r'data-act="label" data-value="([^"]*)"', words(view))
        values = [unescape(value) for value in buttons]
        assert [json.loads(value) for value in values] == [["cell_type", EVIL], ["cell_type", "b"]]
        assert words(view).count('aria-pressed="false"') == 2
        view.browser._handle_msg({"act": "label", "value": values[0]})
        np.testing.assert_array_equal(state.selected, fit.obs["cell_type"] == EVIL)
        assert words(view).count('aria-pressed="true"') == 1
        assert f"0 of {(fit.obs['cell_type'] == 'b').sum()} selected" in words(view)
        assert "<img" not in words(view)

    def test_the_lasso_is_at_hand_and_selects_nothing_by_itself(self, view: CellsView) -> None:
        toolbar = view.plot.figure.toolbar
        assert isinstance(toolbar.active_drag, LassoSelectTool)
        assert type(toolbar.active_scroll).__name__ == "WheelZoomTool"
        for kind in (LassoSelectTool, BoxSelectTool):
            (tool,) = (tool for tool in toolbar.tools if isinstance(tool, kind))
            assert tool.renderers == []
            assert not tool.continuous

    def test_zoom_stays_whatever_is_coloured_or_selected(
        self, state: AppState, view: CellsView
    ) -> None:
        state.show_fit(make_fit(cells=60))
        x_range = view.plot.figure.x_range
        x_range.update(start=0.25, end=0.5)
        state.choose_factor(2)
        state.select(np.arange(60) < 5)
        state.colour = f"{LABEL}cell_type"
        assert (x_range.start, x_range.end) == (0.25, 0.5)


class TestPlot:
    def test_points_carry_names_values_and_colours(self) -> None:
        plot = CellPlot()
        xy = np.array([[0.0, 1.0], [2.0, 3.0]])
        plot.place(xy, pd.Index(["c1", EVIL]), ("a", "b"))
        plot.paint(colour_labels(pd.Series(["a", "b"]), "l"), None)
        table = {name: list(values) for name, values in plot.points.source.data.items()}
        order = np.argsort(table["x"])
        assert [table["cell"][j] for j in order] == ["c1", EVIL]
        assert [table["value"][j] for j in order] == ["a", "b"]
        hexes = ["#{:02x}{:02x}{:02x}".format(*table["colour"][j][:3]) for j in order]
        assert hexes == CATEGORICAL[:2]
        assert plot.figure.toolbar.logo is None

    def test_points_hand_over_to_the_image_and_back(self) -> None:
        plot = CellPlot()
        xy = np.random.default_rng(0).normal(size=(MOST_POINTS + 1, 2))
        for count in (MOST_POINTS, MOST_POINTS + 1, MOST_POINTS):
            names = pd.RangeIndex(count).astype(str)
            plot.place(xy[:count], names, ("a", "b"))
            plot.paint(colour_numbers(xy[:count, 0], "x"), None)
            assert len(plot.points.source.data["x"]) == (count if count <= MOST_POINTS else 0)
            assert len(plot.image.data["image"]) == (count > MOST_POINTS)

    def test_the_image_follows_the_window(self) -> None:
        plot = CellPlot()
        xy = np.random.default_rng(0).normal(size=(MOST_POINTS + 1, 2))
        plot.place(xy, pd.RangeIndex(len(xy)), ("a", "b"))
        plot.paint(colour_numbers(xy[:, 0], "x"), None)
        plot.figure.x_range.update(start=-0.5, end=0.25)
        plot.figure._trigger_event(RangesUpdate(plot.figure, x0=-0.5, x1=0.25))
        assert plot.image.data["x"] == [-0.5]
        assert plot.image.data["dw"] == [0.75]
        assert plot.image.data["image"][0].shape == (260, 480)
        plot._sized("inner_width", None, 300)
        assert plot.image.data["image"][0].shape == (260, 300)
