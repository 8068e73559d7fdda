"""Tables of the topics: against labels, their cells, beside another run, and how many."""

from __future__ import annotations

from typing import Any

import panel as pn
import param

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.cards.frame import COVER, waiting
from dashboard.cards.topics import how_many, labels, other_topics, top_cells
from dashboard.controls.export import ExportMenu
from dashboard.export import Export
from dashboard.state import AppState
from dashboard.topic_choices import TABLES, TopicChoices
from engine.jobs import Jobs

WORDS = {
    "labels": "Labels",
    "cells": "Top cells",
    "beside": "Beside another run",
    "many": "How many?",
}
HEADS = {
    "labels": labels.HEAD,
    "cells": top_cells.HEAD,
    "beside": other_topics.HEAD,
    "many": how_many.HEAD,
}
ACT = "topic-table"


class DetailsView(pn.viewable.Viewer):
    """A card of four tabs."""

    def __init__(
        self, state: AppState, choices: TopicChoices, browser: Browser, jobs: Jobs | None
    ) -> None:
        super().__init__()
        self.choices = choices
        self.views: dict[str, Any] = {
            "labels": labels.LabelsView(state, choices),
            "cells": top_cells.TopCellsView(state, choices),
            "beside": other_topics.BesideView(state, choices, jobs),
            "many": how_many.ManyView(state, choices),
        }
        table = choices.param.table
        top = pn.Row(
            html.pane(html.bound(_top, table), sizing_mode=None),
            pn.Spacer(sizing_mode="stretch_width", height=0, margin=0),
            ExportMenu(browser, self._export, state, name="table", needs=("fit", "swept")),
            sizing_mode="stretch_width",
            margin=0,
            css_classes=["card-top"],
            stylesheets=[html.STYLES],
        )
        # One at a time: a browser can hang over tables whose contents it is told to skip.
        self._body = pn.Column(self.views[choices.table], sizing_mode="stretch_both", margin=0)
        message = html.bound(_cover, waiting(state, factors=True), table)
        cover = html.pane(message, css_classes=["cover"], sizing_mode=None, styles=COVER)
        self._panel = pn.Column(
            top,
            html.pane(html.bound(lambda shown: HEADS[shown].how, table)),
            pn.Column(
                self._body,
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
        browser.on(ACT, self._turn)
        state.param.watch(self._look, "sweep")
        if state.sweep is not None:
            self._turn("many")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _turn(self, name: str) -> None:
        if name in TABLES and name != self.choices.table:
            self._body.objects = [self.views[name]]
            self.choices.table = name

    def _look(self, event: param.parameterized.Event) -> None:
        if event.new is not None:
            self._turn("many")

    def _export(self) -> Export | None:
        export: Export | None = self.views[self.choices.table].export()
        return export


def _cover(words: str, table: str) -> str:
    # Numbers can be compared before there is a fit to look at.
    return "" if table == "many" else words


def _top(table: str) -> str:
    return lists.tabs("Tables", WORDS, table, ACT) + HEADS[table].title
