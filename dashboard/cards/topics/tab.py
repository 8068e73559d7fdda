"""Topics: where they lie, which cells have them, their genes, and tables of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import param

from dashboard import html
from dashboard.cards.base_tab import Tab
from dashboard.cards.card import Card
from dashboard.cards.frame import waiting
from dashboard.cards.stack import Stack
from dashboard.cards.topics.bar import TopicBar
from dashboard.cards.topics.tab_choices import TopicChoices


class TopicsTab(Tab):
    """Two rows of two cards under the bar of the chosen topic."""

    tab, widths = "topics", (42, 58)

    def share(self) -> dict[str, Any]:
        self.choices = TopicChoices()
        return {
            "choices": self.choices,
            "jobs": None if self.runner is None else self.runner.services.jobs,
        }

    def stack(self, cards: Sequence[Card]) -> Stack:
        front, waits = self.choices.param.table, waiting(self.state, factors=True)
        return Stack(
            cards,
            self.browser,
            name="table",
            label="Tables",
            act="topic-table",
            # A sweep can be shown before there is a fit.
            message=html.bound(lambda words, shown: "" if shown == "many" else words, waits, front),
            needs=("fit", "swept"),
        )

    def bar(self) -> list[Any]:
        self.topic_bar = TopicBar(self.state)
        return [self.topic_bar]

    def lay_out(self) -> list[Any]:
        parts = super().lay_out()
        self.state.param.watch(self._look, "sweep")
        if self.state.sweep is not None:
            self.stacked.turn("many")
        return parts

    def _look(self, event: param.parameterized.Event) -> None:
        if event.new is not None:
            self.stacked.turn("many")
