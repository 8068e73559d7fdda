"""Explore: cells, gene correlations, loadings and whatever was clicked last, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.cards.base_tab import Tab
from dashboard.cards.card import Card
from dashboard.cards.choice_bar import ChoiceBar
from dashboard.cards.frame import waiting
from dashboard.cards.stack import Stack


class ExploreTab(Tab):
    """Two rows of two cards below the bar of choices."""

    tab = "explore"

    def stack(self, cards: Sequence[Card]) -> Stack:
        return Stack(
            cards,
            self.browser,
            name="details",
            label="Details",
            act="detail",
            message=waiting(self.state),
            overlaid=True,
        )

    def bar(self) -> list[Any]:
        return [ChoiceBar(self.state)]
