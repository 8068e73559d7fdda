"""Groups: effects of covariates, one group of cells against another, correlations that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.cards.base_tab import Tab
from dashboard.cards.card import Card
from dashboard.cards.choice_bar import ChoiceBar
from dashboard.cards.groups.pairing import Pairing
from dashboard.cards.groups.tab_choices import GroupChoices
from dashboard.cards.stack import Stack


class GroupsTab(Tab):
    """Three rows under the bar of choices."""

    tab, widths = "groups", (65, 35)

    def share(self) -> dict[str, Any]:
        self.choices = GroupChoices()
        self.pairing = Pairing(self.state, self.choices, self.runner, self.browser)
        return {"choices": self.choices, "pairing": self.pairing}

    def stack(self, cards: Sequence[Card]) -> Stack:
        return Stack(cards, self.browser, name="pairs", label="Pairs of genes", act="groups-pairs")

    def bar(self) -> list[Any]:
        return [ChoiceBar(self.state)]
