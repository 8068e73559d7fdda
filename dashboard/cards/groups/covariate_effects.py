"""Effects of the covariates of the fit on the genes."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure
from dashboard.cards.groups.known_effects import effects, missing
from dashboard.cards.groups.tab_choices import GroupChoices
from dashboard.cards.table import SMALL, Column, Table
from dashboard.cut import LONGEST, shorten
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.volcano import Volcano
from dashboard.select import Select
from dashboard.state import AppState
from engine.results import AnyFit

NONE = "none"
ALONG = "CLR effect (nats)"
COLUMNS = {
    "effect": Column("effect", "+0.00", "nats, CLR", 50),
    "shrunken": Column("shrunken", "+0.00", "Given what all genes tell of each", 64),
    "lfsr": Column("lfsr", SMALL, "Local false sign rate", 58),
    "s_value": Column("s", SMALL, "Mean lfsr of this gene and those before it", 58),
}


class CovariateEffects(Card):
    """A volcano and a table."""

    tab, entry, place = "groups", "covariates", Place(0)
    title = "Effects of covariates"
    caption = "Right: more frequent than in the reference, or with larger values. Click a gene."
    formula = "b_g of y_c = μ + B x_c + W z_c + ε_c, CLR; lfsr by adaptive shrinkage over all genes"
    caveat = (
        "Effects are relative to their plain mean over all modelled genes. Where a random effect "
        "lets a covariate vary between donors, donors are the unit of its error. For labels that "
        "were found in these very counts, such as clusters, false sign rates do not hold: they "
        "were chosen to differ."
    )
    follows = ("fit", "partial", "marked", "choices.column")
    listed = 20

    def __init__(self, state: AppState, browser: Browser, choices: GroupChoices) -> None:
        self.begin(state)
        self.choices = choices
        self.plot = Volcano()
        self.plot.on_gene(one_message(state.choose_gene))
        self.table = Table([Column("Gene"), *COLUMNS.values()], on_row=self._choose)
        self.column = Select(label="Covariate", options=[NONE], size="small", width=210, margin=0)
        self.column.param.watch(self._pick, "value")
        self._filled: tuple[Any, ...] = ()
        head = html.heading(self.title, self.caption, self.formula, self.caveat)
        self.build(
            html.bound(functools.partial(_warned, head), state.param.fit),
            figure(self.plot.figure, self.table, message=html.bound(_missing, state.param.fit)),
            browser=browser,
            tools=(self.column,),
        )

    def inputs(self) -> tuple[Any, ...] | None:
        fit = self.fit
        return None if fit is None or missing(fit) else (fit,)

    def compute(self, fit: AnyFit) -> pd.DataFrame:
        return effects(fit)

    def clear(self) -> None:
        self._filled = ()
        self.column.param.update(options=[NONE], value=NONE, disabled=True)
        self.plot.clear()
        self.table.fill([[] for _ in range(len(COLUMNS) + 1)])

    def paint(self, result: pd.DataFrame) -> None:
        names = list(dict.fromkeys(result["column"]))
        covariate = self.choices.column if self.choices.column in names else names[0]
        self.column.param.update(options=names, value=covariate, disabled=len(names) < 2)
        if self._filled[:1] != (id(result),) or self._filled[1] != covariate:
            self._filled = id(result), covariate
            self._own = result[result["column"] == covariate].reset_index(drop=True)
            self.plot.show(self._own, "effect", f"{ALONG} of {shorten(covariate, LONGEST)}")
            values = [self._own[name].to_numpy() for name in COLUMNS]
            self.table.fill([self._own["gene"].astype(str).tolist(), *values])
        self.plot.mark(self.state.marked)

    @one_message
    def _pick(self, event: Any) -> None:
        if event.new != NONE:
            self.choices.column = event.new

    def _choose(self, rows: list[int]) -> None:
        if rows:
            self.state.choose_gene(str(self._own["gene"].iloc[rows[0]]))

    def draw(self, result: pd.DataFrame) -> Any:
        return _draw_volcano(result, self._filled[1] if self._filled else "")

    def tabulate(self, result: pd.DataFrame) -> pd.DataFrame:
        return result.set_index(["column", "gene"])

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export | None:
        """Volcano of the first covariate, and the table of all."""
        if missing(fit):
            return None
        return Export(
            cls.title.lower(),
            lambda: _draw_volcano(effects(fit)),
            lambda: effects(fit).set_index(["column", "gene"]),
            of=fit,
        )


def _draw_volcano(table: pd.DataFrame, covariate: str = "") -> Any:
    from dashboard import figures

    covariate = covariate or str(table["column"].iloc[0])
    own = table[table["column"] == covariate]
    return figures.volcano(own, "effect", title=covariate, xlabel=ALONG)


def _warned(head: html.Heading, fit: AnyFit | None) -> html.Heading:
    """The heading, with the warnings about the covariates."""
    if fit is None or not fit.can("covariates"):
        return head
    warnings = " ".join(fit.data.get("report", {}).get("warnings", ()))
    return replace(head, how=html.finding(warnings, warnings)) if warnings else head


def _missing(fit: AnyFit | None) -> str:
    return html.empty(missing(fit))
