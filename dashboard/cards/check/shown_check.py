"""Messages of the cards of the tab while there is no check to show."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import html
from dashboard.cards.check.checker import NO_FIT
from dashboard.cards.check.tab_choices import CheckChoices
from dashboard.cards.frame import COVER, waiting
from dashboard.state import AppState

START = "Press Check: the fit makes data anew, and they are compared with those it was given."
BUSY = "The check is going on."


def missing(state: AppState, choices: CheckChoices) -> Any:
    """Message of a card while there is no check to show."""

    def words(before: str, partial: str, result: Any, status: Any) -> str:
        if before or result is not None:
            return before
        if partial:
            return html.empty(NO_FIT)
        return html.empty(BUSY if status is not None and status.active else START)

    of = choices.param
    return html.bound(words, waiting(state), state.param.partial, of.checked, of.status)


def covered(body: Any, message: Any) -> pn.Column:
    """A body other than a plot, below a message that covers it while it is empty."""
    cover = html.pane(message, css_classes=["cover"], sizing_mode=None, styles=COVER)
    return pn.Column(
        body, cover, sizing_mode="stretch_both", margin=0, styles={"position": "relative"}
    )
