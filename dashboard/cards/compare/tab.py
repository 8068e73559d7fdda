"""Compare: finished runs on the same data in a table, two of them side by side."""

from __future__ import annotations

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.compare.bar import CompareBar
from dashboard.cards.compare.both_cells import ComparedCellsView
from dashboard.cards.compare.change import ChangeView
from dashboard.cards.compare.choices import CompareChoices
from dashboard.cards.compare.compared import Compared
from dashboard.cards.compare.details import DetailsView
from dashboard.cards.compare.other_umap import Layout
from dashboard.cards.compare.run_table import RunsView
from dashboard.cards.frame import row
from dashboard.runner import Runner
from dashboard.state import AppState


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
