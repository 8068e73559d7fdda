"""Compare: finished runs on the same data in a table, two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.cards.base_tab import Tab
from dashboard.cards.card import Card
from dashboard.cards.compare.bar import CompareBar
from dashboard.cards.compare.compared import Compared
from dashboard.cards.compare.other_umap import Layout
from dashboard.cards.compare.tab_choices import CompareChoices
from dashboard.cards.stack import Stack


class CompareTab(Tab):
    """Two rows of two cards under the bar of the runs that are compared."""

    tab, widths = "compare", (52, 48)

    def share(self) -> dict[str, Any]:
        assert self.runner is not None
        self.choices = CompareChoices()
        self.compared = Compared(self.state, self.choices, self.runner.services.jobs)
        self.layout = Layout(self.compared, self.runner)
        return {"choices": self.choices, "compared": self.compared, "layout": self.layout}

    def stack(self, cards: Sequence[Card]) -> Stack:
        return Stack(cards, self.browser, name="detail", label="Two runs", act="compare-detail")

    def bar(self) -> list[Any]:
        self.compare_bar = CompareBar(self.compared, self.choices, self.layout)
        return [self.compare_bar]
