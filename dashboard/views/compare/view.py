"""Compare: finished runs on the same data in a table, two of them side by side."""

from __future__ import annotations

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.runner import Runner
from dashboard.state import AppState
from dashboard.views.card import row
from dashboard.views.compare.bar import CompareBar
from dashboard.views.compare.cells import ComparedCellsView
from dashboard.views.compare.change import ChangeView
from dashboard.views.compare.choices import CompareChoices
from dashboard.views.compare.compared import Compared
from dashboard.views.compare.details import DetailsView
from dashboard.views.compare.layout import Layout
from dashboard.views.compare.runs import RunsView


class CompareView(pn.viewable.Viewer):
    """Two rows of two cards under the bar of the runs that are compared."""

    def __init__(self, state: AppState, browser: Browser, runner: Runner) -> None:
        super().__init__()
        self.choices = CompareChoices()
        self.compared = Compared(state, self.choices, runner.services.jobs)
        self.places = Layout(self.compared, runner)
        self.bar = CompareBar(self.compared, self.choices, self.places)
        self.runs = RunsView(self.compared, self.choices, browser)
        self.change = ChangeView(self.compared, self.choices, browser)
        self.cells = ComparedCellsView(self.compared, self.choices, self.places, browser)
        self.details = DetailsView(self.compared, self.choices, self.change, browser)
        self._panel = pn.Column(
            self.bar,
            row(self.runs, self.details, shares=(52, 48)),
            row(self.cells, self.change, shares=(52, 48)),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["explore"],
            stylesheets=[html.STYLES],
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel
