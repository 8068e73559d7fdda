"""The pairs of genes whose correlation differs between two groups of cells, the surest first."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard import html
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure
from dashboard.cards.groups.correlation_changes import MOST
from dashboard.cards.groups.pairing import Between, Pairing
from dashboard.cards.groups.tab_choices import GroupChoices
from dashboard.cards.table import SMALL, Column, Table
from engine import summaries

COLUMNS = {
    "correlation_a": Column("r in A", "0.00", "CLR correlation", 52),
    "correlation_b": Column("r in B", "0.00", "CLR correlation", 52),
    "shrunken": Column("A − B", "+0.00", "Change of Fisher z, given all pairs", 54),
    "fsos": Column(
        "fsos", SMALL, "Probability that the sign is false, or the change below 0.1", 60
    ),
}
LISTED, DRAWN = 500, 30


class ChangedCorrelations(Card):
    """A table of pairs among the leading genes."""

    tab, entry, place = "groups", "changed", Place(2, 1, 0)
    front, word = "choices.pairs", "Changed pairs"
    title = "Pairs whose correlation differs"
    caption = "A − B of the Fisher z, shrunken over all pairs. Click a pair to choose it."
    formula = "Δ_ij = atanh ρ_A − atanh ρ_B; fsos: P(the sign is another, or |Δ| < 0.1)"
    caveat = (
        f"The surest pairs among the {MOST} genes that vary most under A. fsos is a posterior "
        "probability given what all pairs tell; the local false sign rate is in the export."
    )
    follows = ("fit", "pair", "pairing.between", "pairing.said")
    listed = 20

    def __init__(self, pairing: Pairing, choices: GroupChoices) -> None:
        self.begin(pairing.state)
        self.pairing, self.choices = pairing, choices
        self._filled: pd.DataFrame | None = None
        self.table = Table([Column("Gene"), Column("with"), *COLUMNS.values()], on_row=self._choose)
        self.build(
            html.heading(self.title, self.caption, self.formula, self.caveat),
            figure(self.table, message=html.bound(html.empty, pairing.param.said)),
        )

    def inputs(self) -> tuple[Any, ...] | None:
        between = self.pairing.between
        return None if between is None or between.fit is not self.fit else (between,)

    def compute(self, between: Between) -> pd.DataFrame:
        genes = summaries.programme_genes(between.fit, MOST)
        pairs = between.differential.pairs(summaries.gene_positions(between.fit, genes))
        return pairs.head(LISTED)

    def paint(self, result: pd.DataFrame) -> None:
        if result is not self._filled:
            self._filled = result
            names = [result[name].astype(str).tolist() for name in ("gene_1", "gene_2")]
            self.table.fill([*names, *(result[name].to_numpy() for name in COLUMNS)])

    def clear(self) -> None:
        self._filled = None

    def _choose(self, rows: list[int]) -> None:
        if rows and self._filled is not None:
            row = self._filled.iloc[rows[0]]
            self.state.choose_pair(str(row["gene_1"]), str(row["gene_2"]))

    def draw(self, result: pd.DataFrame) -> Any:
        from dashboard import figures

        first = result.head(DRAWN)
        names = first["gene_1"].astype(str) + " × " + first["gene_2"].astype(str)
        values = pd.Series(first["shrunken"].to_numpy(), index=names)
        ends = first[["low", "high"]].reset_index(drop=True)
        along = "A − B, Fisher z, with 90 % interval"
        return figures.bars(values, title=self.title, xlabel=along, ends=ends)

    def tabulate(self, result: pd.DataFrame) -> pd.DataFrame:
        return self.pairing.with_names(result.set_index(["gene_1", "gene_2"]))
