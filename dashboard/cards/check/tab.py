"""Check: findings in words, counts of genes, all genes at once, and a table of misfits."""

from __future__ import annotations

from typing import Any

import panel as pn

from dashboard import html
from dashboard.cards.base_tab import Tab
from dashboard.cards.check.bar import CheckBar
from dashboard.cards.check.checker import Checker
from dashboard.cards.check.tab_choices import CheckChoices


class CheckTab(Tab):
    """Two columns of two cards below the bar of settings; their heights differ."""

    tab = "check"

    def share(self) -> dict[str, Any]:
        assert self.runner is not None
        services = self.runner.services
        self.choices = CheckChoices()
        self.checker = Checker(self.state, self.choices, services.jobs, services.checks)
        self.runner.also.append(self.checker.tick)
        return {"choices": self.choices}

    def bar(self) -> list[Any]:
        self.check_bar = CheckBar(self.state, self.choices, self.checker)
        return [self.check_bar]

    def lay_out(self) -> list[Any]:
        look: dict[str, Any] = {
            "sizing_mode": "stretch_both",
            "margin": 0,
            "css_classes": ["cards"],
            "stylesheets": [html.STYLES],
        }
        columns = zip(*self.rows(), strict=False)
        return [
            *self.bar(),
            pn.Row(*(pn.Column(*of, styles={"flex": "1 1 0"}, **look) for of in columns), **look),
        ]
