"""Two genes, cell by cell, in both groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dashboard import html
from dashboard.cards.card import Card, Place
from dashboard.cards.explore.gene_pair import EMPTY, sample
from dashboard.cards.frame import figure
from dashboard.cards.groups.pairing import Between, Pairing
from dashboard.cards.groups.tab_choices import GroupChoices
from dashboard.cards.uncertainty import rate
from dashboard.plots.colours import Colouring, colour_labels
from dashboard.plots.pair import PairPlot
from dashboard.templates import render
from engine import summaries

# Most cells of a group that are drawn.
MOST = 1_000
GROUP = "group"


class Shown(NamedTuple):
    """(n, 2) values of cells, their groups, and what differs in words."""

    values: pd.DataFrame
    groups: Colouring
    words: str


class BothGroups(Card):
    """A scatter of the chosen pair, coloured by group."""

    tab, entry, place = "groups", "both groups", Place(2, 1, 1)
    front, key, word = "choices.pairs", "scatter", "Cell by cell"
    title = "A pair in both groups"
    caption = "One point a cell of A or B: CLR that the factors of its own run carry."
    formula = "μ_g + w_g · ẑ_c under the fit of the group"
    caveat = (
        "Each group has its own fit. What is the gene's own, beyond the factors, is left out, and "
        "posterior modes are drawn towards the mean: the correlations of the heatmap are those of "
        f"the models. At most {MOST:,} cells of either group are drawn."
    )
    follows = ("fit", "pair", "pairing.between", "pairing.said")

    def __init__(self, pairing: Pairing, choices: GroupChoices) -> None:
        self.begin(pairing.state)
        self.pairing, self.choices = pairing, choices
        self.plot = PairPlot()
        self._words = html.pane(styles={"padding": "0 10px"})
        message = html.bound(_waiting, pairing.param.said, self.state.param.pair)
        self.build(
            html.heading(self.title, self.caption, self.formula, self.caveat),
            self._words,
            figure(self.plot.figure, message=message),
        )

    def inputs(self) -> tuple[Any, ...] | None:
        between, pair = self.pairing.between, self.state.pair
        if between is None or between.fit is not self.fit or pair is None:
            return None
        return between, pair

    def compute(self, between: Between, pair: tuple[str, str]) -> Shown:
        parts = []
        for fit in (between.fit, between.other):
            cells = sample(len(fit.cells), None, MOST)
            parts.append(summaries.cell_clr(fit, pair, cells=cells))
        row = between.differential.pairs(summaries.gene_positions(between.fit, pair)).iloc[0]
        a, b, change = (
            html.number(row[name], 2) for name in ("correlation_a", "correlation_b", "shrunken")
        )
        words = f"r = {a} in A, {b} in B; A − B of Fisher z, given all pairs, {change}; false sign "
        labels = np.repeat(["A", "B"], [len(part) for part in parts])
        colours = colour_labels(pd.Series(pd.Categorical(labels)), GROUP)
        return Shown(pd.concat(parts), colours, f"{words}{rate(row['lfsr'])}.")

    def paint(self, shown: Shown) -> None:
        self._words.object = render("details.pair", shown.words, html.legend_line(shown.groups))
        self.plot.place(shown.values, shown.groups, None, self._titles())

    def clear(self) -> None:
        self._words.object = ""

    def _titles(self) -> tuple[str, str]:
        first, second = self.state.pair or ("", "")
        return f"{first} CLR (nats; factors only)", f"{second} CLR (nats; factors only)"

    def draw(self, shown: Shown) -> Any:
        from dashboard import figures

        return figures.cells(shown.values.to_numpy(), shown.groups, titles=self._titles())

    def tabulate(self, shown: Shown) -> pd.DataFrame:
        table = shown.values.rename_axis("cell")
        return table.assign(**{GROUP: shown.groups.words()})


def _waiting(said: str, pair: tuple[str, str] | None) -> str:
    return html.empty(said or ("" if pair else EMPTY))
