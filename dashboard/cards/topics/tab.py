"""Topics: where they lie, which cells have them, their genes, and tables of them."""

from __future__ import annotations

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.frame import row
from dashboard.cards.topics.bar import TopicBar
from dashboard.cards.topics.details import DetailsView
from dashboard.cards.topics.placement import OverviewView
from dashboard.cards.topics.ranking import RankingView
from dashboard.cards.topics.structure import StructureView
from dashboard.state import AppState
from dashboard.topic_choices import TopicChoices
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
            row(self.overview, self.ranking, shares=(42, 58)),
            row(self.structure, self.details, shares=(42, 58)),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["explore"],
            stylesheets=[html.STYLES],
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel
