"""The counts that were read: how many, how sparse, what was left out and why."""

from __future__ import annotations

from typing import Any

from dashboard import html
from dashboard.cards.base_tab import Tab
from dashboard.cards.data import held_out_scores


class DataTab(Tab):
    """Facts, cards and the account of reading, below one another."""

    tab = "data"

    def lay_out(self) -> list[Any]:
        of = self.state.param
        return [
            html.pane(html.bound(_facts, of.summary)),
            *self.cards.values(),
            html.pane(html.bound(_account, of.summary)),
            html.live(held_out_scores.page, of.runs, of.run),
        ]

    def look(self) -> dict[str, Any]:
        return super().look() | {"css_classes": ["data-view"]}


def _facts(summary: Any) -> str:
    return html.facts(summary.facts()) if summary is not None else ""


def _account(summary: Any) -> str:
    return html.account(summary.lines) if summary is not None else ""
