"""Groups: effects of covariates, and one group of cells against another."""

from __future__ import annotations

from typing import Any

from dashboard.cards.base_tab import Tab
from dashboard.cards.choice_bar import ChoiceBar
from dashboard.cards.groups.tab_choices import GroupChoices


class GroupsTab(Tab):
    """Two rows of a card each, under the bar of choices."""

    tab = "groups"

    def share(self) -> dict[str, Any]:
        self.choices = GroupChoices()
        return {"choices": self.choices}

    def bar(self) -> list[Any]:
        return [ChoiceBar(self.state)]
