from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui
from bokeh.models import GlyphRenderer

from dashboard import html
from dashboard.browser import Browser
from dashboard.reading import summarise
from dashboard.runner import Runner
from dashboard.shell import compose
from dashboard.state import FACTOR, AppState
from dashboard.views.correlation import CorrelationView
from dashboard.views.data import DataView
from dashboard.views.loadings import LoadingsView
from engine import summaries
from tests.dashboard.synthetic import make_counts, make_fit

EVIL = '<img src=x onerror="alert(1)">'


def words(view: pn.viewable.Viewer) -> str:
    return " ".join(str(p.object) for p in view.__panel__().select(pn.pane.HTML) if p.visible)


def columns(view: pn.viewable.Viewer, glyph: str) -> list[dict[str, Any]]:
    """Data of the renderers of one kind of glyph, as drawn."""
    root = view.__panel__().get_root()
    renderers = root.select({"type": GlyphRenderer})
    return [dict(r.data_source.data) for r in renderers if type(r.glyph).__name__ == glyph]


class TestCorrelation:
    def test_shows_the_top_genes_of_the_fit(self, state: AppState) -> None:
        view = CorrelationView(state)
        fit = make_fit(genes=60)
        state.top_genes = 25
        state.show_fit(fit)
        (drawn,) = columns(view, "Image")
        image = drawn["image"][0]
        assert image.shape == (25, 25)
        genes = (summaries.loadings(fit) ** 2).sum(axis=1).nlargest(25).index
        expected = summaries.clr_correlation(fit, genes).to_numpy(np.float32)
        np.testing.assert_allclose(np.sort(image.ravel()), np.sort(expected.ravel()), rtol=1e-6)


class TestLoadings:
    def test_bars_follow_the_factor(self, state: AppState) -> None:
        view = LoadingsView(state)
        fit = make_fit(genes=60, factors=4)
        state.show_fit(fit)
        state.choose_factor(2)
        drawn = columns(view, "VBar")
        (variance,) = (data for data in drawn if "factor" in data)
        (genes,) = (data for data in drawn if "gene" in data)
        assert len(variance["factor"]) == 4
        loadings = summaries.loadings(fit)["factor 3"]
        assert genes["gene"][0] == loadings.idxmax()
        assert genes["gene"][-1] == loadings.idxmin()
        assert view.__panel__().select(pmui.Select)[0].value == 2

    def test_step_pick_and_tap_choose(self, state: AppState) -> None:
        view = LoadingsView(state)
        state.show_fit(make_fit(factors=4))
        previous, following = view.__panel__().select(pmui.IconButton)
        following.clicks += 1
        assert state.factor == 1
        previous.clicks += 1
        previous.clicks += 1
        assert state.factor == 0
        view.__panel__().select(pmui.Select)[0].value = 3
        assert (state.factor, state.colour) == (3, FACTOR)
        view._tapped(type("Event", (), {"new": "2"})())
        assert state.factor == 1


class TestData:
    def test_tells_what_was_read(self, state: AppState) -> None:
        view = DataView(state, Browser())
        assert "Open counts" in words(view)
        state.reading = "demo"
        assert "Reading demo" in words(view)
        state.param.update(summary=summarise(make_counts()), reading="")
        said = words(view)
        assert "made up" in said
        assert "Found 40 cells and 13 genes." in said
        totals, detected = columns(view, "Quad")
        assert sum(totals["top"]) == sum(detected["top"]) == 40

    def test_offers_the_histograms_that_it_shows(self, state: AppState) -> None:
        view = DataView(state, Browser())
        assert view._export() is None
        state.summary = summarise(make_counts())
        export = view._export()
        assert export is not None
        assert len(export.draw().axes) == 2
        table = export.table()
        totals = max(columns(view, "Quad"), key=lambda data: data["right"][-1])
        assert table["cells"].groupby(level="histogram").sum().tolist() == [40, 40]
        shown = table.loc["total counts (all genes)"]
        np.testing.assert_allclose(shown["from"], totals["left"])
        np.testing.assert_array_equal(shown["cells"], totals["top"])


def test_the_page_shows_evil_names_as_they_are(state: AppState, runner: Runner) -> None:
    page = compose(state, runner)
    state.show_fit(make_fit(labels=(EVIL, "b")))
    panes = page.select(pn.pane.HTML)
    shown = [pane for pane in panes if "onerror" in str(pane.object)]
    assert shown
    assert not any("<img" in str(pane.object) for pane in panes)


def test_opening_a_run_turns_to_it(state: AppState, runner: Runner) -> None:
    page = compose(state, runner)
    (tabs,) = page.select(pmui.Tabs)
    assert tabs.active == 0
    state.show_run("a")
    assert tabs.active == 1


def test_styles_load_nothing_from_elsewhere() -> None:
    assert "http" not in html.STYLES
    assert "@import" not in html.STYLES
    assert hv.Store.current_backend == "bokeh"
