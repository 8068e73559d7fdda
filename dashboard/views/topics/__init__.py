"""Topics: what the topics or factors of a fit are made of."""

from __future__ import annotations

import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.state import AppState


class TopicsView(pn.viewable.Viewer):
    """Rankings of genes by topic or factor."""

    def __init__(self, state: AppState, browser: Browser) -> None:
        super().__init__()
        self.state, self.browser = state, browser
        self._panel = html.pane(
            html.empty("Open or fit a run to rank its topics or factors."),
            sizing_mode="stretch_both",
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel
