"""Explore: cells, gene correlations, loadings and whatever was clicked last, side by side."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.choice_bar import ChosenBar
from dashboard.cards.explore.cell_map import CellsView
from dashboard.cards.explore.detail import DetailView
from dashboard.cards.explore.factor_loadings import LoadingsView
from dashboard.cards.explore.gene_correlations import CorrelationView
from dashboard.state import AppState


class ExploreView(pn.viewable.Viewer):
    """Two rows of two cards below the bar of choices."""

    def __init__(self, state: AppState, browser: Browser) -> None:
        super().__init__()
        self._panel = pn.Column(
            ChosenBar(state),
            _row(CellsView(state, browser), CorrelationView(state, browser)),
            _row(LoadingsView(state, browser), DetailView(state, browser)),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["explore"],
            stylesheets=[html.STYLES],
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel


def _row(*cards: Any) -> pn.Row:
    return pn.Row(
        *cards,
        sizing_mode="stretch_both",
        margin=0,
        css_classes=["cards"],
        stylesheets=[html.STYLES],
    )
