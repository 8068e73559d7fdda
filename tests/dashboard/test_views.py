from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import panel_material_ui as pmui
import pytest
from bokeh.models import GlyphRenderer

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.data.tab import DataTab
from dashboard.reader import summarise
from dashboard.runner import Runner
from dashboard.shell import compose
from dashboard.state import AppState
from dashboard.tab_names import tab_names
from tests.dashboard.synthetic import make_counts, make_fit

EVIL = '<img src=x onerror="alert(1)">'


def words(view: pn.viewable.Viewer) -> str:
    return " ".join(str(p.object) for p in view.__panel__().select(pn.pane.HTML) if p.visible)


def columns(view: pn.viewable.Viewer, glyph: str) -> list[dict[str, Any]]:
    """Data of the renderers of one kind of glyph, as drawn."""
    root = view.__panel__().get_root()
    renderers = root.select({"type": GlyphRenderer})
    return [dict(r.data_source.data) for r in renderers if type(r.glyph).__name__ == glyph]


class TestData:
    def test_tells_what_was_read(self, state: AppState) -> None:
        view = DataTab(state, Browser())
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
        view = DataTab(state, Browser())
        assert view["histograms"].export() is None
        state.summary = summarise(make_counts())
        export = view["histograms"].export()
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


@pytest.mark.slow
def test_a_tab_says_that_it_is_being_opened_until_it_is_there(
    state: AppState, runner: Runner
) -> None:
    (tabs,) = compose(state, runner).select(pmui.Tabs)
    topics = tabs[tab_names().index("topics")]
    assert (len(topics), topics.css_classes) == (0, ["unbuilt"])
    state.tab = "topics"
    assert (len(topics), topics.css_classes) == (1, [])


def test_styles_load_nothing_from_elsewhere() -> None:
    assert "http" not in html.STYLES
    assert "@import" not in html.STYLES
    assert hv.Store.current_backend == "bokeh"
