"""Details of the last click: a gene, a pair of genes or selected cells."""

from __future__ import annotations

from typing import Any

import panel as pn
import param

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.cards.explore import gene_neighbours, gene_pair, selected_cells
from dashboard.cards.explore.gene_neighbours import GeneView
from dashboard.cards.explore.gene_pair import PairView
from dashboard.cards.explore.selected_cells import ContrastView
from dashboard.cards.frame import COVER, waiting
from dashboard.controls.export import ExportMenu
from dashboard.export import Export
from dashboard.state import AppState

VIEWS: dict[str, Any] = {"gene": gene_neighbours, "pair": gene_pair, "cells": selected_cells}
WORDS = {"gene": "Gene", "pair": "Pair", "cells": "Cells"}


class DetailView(pn.viewable.Viewer):
    """A card of three tabs, of which the last click shows one."""

    def __init__(self, state: AppState, browser: Browser) -> None:
        super().__init__()
        self.state = state
        self._views: dict[str, Any] = {
            "gene": GeneView(state),
            "pair": PairView(state, browser),
            "cells": ContrastView(state),
        }
        detail = state.param.detail
        head = param.bind(_head, detail, state.param.fit)
        top = pn.Row(
            html.pane(html.bound(_top, detail, head), sizing_mode=None),
            pn.Spacer(sizing_mode="stretch_width", height=0, margin=0),
            ExportMenu(browser, self._export, state, name="details"),
            sizing_mode="stretch_width",
            margin=0,
            css_classes=["card-top"],
            stylesheets=[html.STYLES],
        )
        # One above the other, seen or not by style alone: any other change, of a class too, lets
        # Bokeh lay out and measure the whole page again.
        bodies = [
            pn.Column(
                view,
                sizing_mode="stretch_both",
                margin=0,
                styles=html.bound(lambda shown, own=name: _style(shown == own), detail),
            )
            for name, view in self._views.items()
        ]
        cover = html.pane(waiting(state), css_classes=["cover"], sizing_mode=None, styles=COVER)
        self._panel = pn.Column(
            top,
            html.pane(html.bound(lambda head: head.how, head)),
            pn.Column(
                *bodies,
                cover,
                sizing_mode="stretch_both",
                margin=0,
                styles={"position": "relative"},
            ),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["card"],
            stylesheets=[html.STYLES],
        )
        browser.on("detail", self._turn)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _turn(self, name: str) -> None:
        if name in WORDS:
            self.state.detail = name

    def _export(self) -> Export | None:
        export: Export | None = self._views[self.state.detail]._export()
        return export


def _style(shown: bool) -> dict[str, str]:
    # Not by visibility, which panes of HTML inside set for themselves.
    seen = ("visible", "auto") if shown else ("hidden", "none")
    return {**COVER, "content-visibility": seen[0], "pointer-events": seen[1]}


def _head(detail: str, fit: Any) -> html.Heading:
    view = VIEWS[detail]
    heading: html.Heading = view.TOPICS if fit is not None and fit.can("mixtures") else view.HEAD
    return heading


def _top(detail: str, head: html.Heading) -> str:
    return lists.tabs("Details", WORDS, detail) + head.title
