"""Check: findings in words, counts of genes, all genes at once, and a table of misfits."""

from __future__ import annotations

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.check.bar import CheckBar
from dashboard.cards.check.charts import ChartsView
from dashboard.cards.check.count_panels import CountsView
from dashboard.cards.check.findings import WordsView
from dashboard.cards.check.misfits import MisfitsView
from dashboard.check_choices import CheckChoices
from dashboard.checking import Checker
from dashboard.state import AppState
from engine.jobs import Checks, Jobs


class CheckView(pn.viewable.Viewer):
    """Two columns of two cards below the bar of settings."""

    def __init__(self, state: AppState, browser: Browser, jobs: Jobs, checks: Checks) -> None:
        super().__init__()
        self.choices = CheckChoices()
        self.checker = Checker(state, self.choices, jobs, checks)
        self.bar = CheckBar(state, self.choices, self.checker)
        self.words = WordsView(state, self.choices)
        self.counts = CountsView(state, self.choices, browser)
        self.charts = ChartsView(state, self.choices, browser)
        self.misfits = MisfitsView(state, self.choices, browser)
        self._panel = pn.Column(
            self.bar,
            pn.Row(
                _column(self.words, self.counts),
                _column(self.charts, self.misfits),
                sizing_mode="stretch_both",
                margin=0,
                css_classes=["cards"],
                stylesheets=[html.STYLES],
            ),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["explore"],
            stylesheets=[html.STYLES],
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel


def _column(*cards: pn.viewable.Viewer) -> pn.Column:
    return pn.Column(
        *cards,
        sizing_mode="stretch_both",
        margin=0,
        styles={"flex": "1 1 0"},
        css_classes=["cards"],
        stylesheets=[html.STYLES],
    )
