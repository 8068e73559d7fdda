"""Two runs in detail: changed pairs of genes, matched factors, and cell by cell."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.cards.compare import cell_scatter, changed_pairs, matched
from dashboard.cards.compare.change import ChangeView
from dashboard.cards.compare.choices import DETAILS, CompareChoices
from dashboard.cards.compare.compared import Compared
from dashboard.controls.export import ExportMenu
from dashboard.export import Export

WORDS = {"pairs": "Changed pairs", "matched": "Matched", "cells": "Cell by cell"}
HEADS = {"pairs": changed_pairs.HEAD, "matched": matched.HEAD, "cells": cell_scatter.HEAD}
ACT = "compare-detail"


class DetailsView(pn.viewable.Viewer):
    """A card of three tabs."""

    def __init__(
        self, compared: Compared, choices: CompareChoices, change: ChangeView, browser: Browser
    ) -> None:
        super().__init__()
        self.choices = choices
        self.views: dict[str, Any] = {
            "pairs": changed_pairs.PairsView(compared, choices, change),
            "matched": matched.MatchedView(compared, choices),
            "cells": cell_scatter.ScatterView(compared, choices),
        }
        detail = choices.param.detail
        top = pn.Row(
            html.pane(html.bound(_top, detail), sizing_mode=None),
            pn.Spacer(sizing_mode="stretch_width", height=0, margin=0),
            ExportMenu(browser, self._export, compared.state, name="detail"),
            sizing_mode="stretch_width",
            margin=0,
            css_classes=["card-top"],
            stylesheets=[html.STYLES],
        )
        # One at a time: a browser can hang over tables whose contents it is told to skip.
        self._body = pn.Column(self.views[choices.detail], sizing_mode="stretch_both", margin=0)
        self._panel = pn.Column(
            top,
            html.pane(html.bound(lambda shown: HEADS[shown].how, detail)),
            self._body,
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["card"],
            stylesheets=[html.STYLES],
        )
        browser.on(ACT, self._turn)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _turn(self, name: str) -> None:
        if name in DETAILS and name != self.choices.detail:
            self._body.objects = [self.views[name]]
            self.choices.detail = name

    def _export(self) -> Export | None:
        export: Export | None = self.views[self.choices.detail].export()
        return export


def _top(detail: str) -> str:
    return lists.tabs("Two runs", WORDS, detail, ACT) + HEADS[detail].title
