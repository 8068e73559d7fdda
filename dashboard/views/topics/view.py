"""Topics: where they lie, which cells have them, their genes, and tables of them."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.state import AppState
from dashboard.topic_choices import TopicChoices
from dashboard.views.topics.bar import TopicBar
from dashboard.views.topics.details import DetailsView
from dashboard.views.topics.overview import OverviewView
from dashboard.views.topics.ranking import RankingView
from dashboard.views.topics.structure import StructureView
from engine.jobs import Jobs


class TopicsView(pn.viewable.Viewer):
    """Two rows of two cards under the bar of the chosen topic.

    Parameters
    ----------
    jobs
        The other runs; without them there are none to compare with.
    """

    def __init__(self, state: AppState, browser: Browser, jobs: Jobs | None = None) -> None:
        super().__init__()
        self.choices = TopicChoices()
        self.bar = TopicBar(state)
        self.overview = OverviewView(state, browser)
        self.structure = StructureView(state, self.choices, browser)
        self.ranking = RankingView(state, self.choices, browser)
        self.details = DetailsView(state, self.choices, browser, jobs)
        self._panel = pn.Column(
            self.bar,
            _row(self.overview, self.ranking),
            _row(self.structure, self.details),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["explore"],
            stylesheets=[html.STYLES],
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel


def _row(*cards: Any) -> pn.Row:
    # No deeper than it must be: Bokeh measures nested layouts again and again.
    left, right = (view.__panel__() for view in cards)
    left.styles, right.styles = {"flex": "42 1 0"}, {"flex": "58 1 0"}
    return pn.Row(
        *cards,
        sizing_mode="stretch_both",
        margin=0,
        css_classes=["cards"],
        stylesheets=[html.STYLES],
    )
