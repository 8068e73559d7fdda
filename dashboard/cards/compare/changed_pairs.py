"""The pairs of genes whose correlation differs most between two runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.bare import is_bare
from dashboard.cards.card import Card, Place
from dashboard.cards.compare.bar import strip
from dashboard.cards.compare.compared import Beside, Compared
from dashboard.cards.compare.tab_choices import CompareChoices
from dashboard.cards.frame import figure
from dashboard.cards.table import Column, Table
from dashboard.export import Export
from engine import summaries
from engine.checks import structure_of

HEAD = html.heading(
    "Changed pairs",
    "By how much their correlation differs. Click a pair to choose it everywhere.",
    "r_B − r_A, r = corr(clr ρ)[i, j]",
    "The 200 largest differences among all genes that both runs model, or among those of the "
    "heatmap. These are point estimates: rare genes, whose residual variance is mostly prior, "
    "change easily and lead the list of all genes.",
)
NO_CHANGE = "A run without factors has no correlation that is a finding, and no change of one."
AMONG = {"All common genes": "all", "Genes of the heatmap": "shown"}
DRAWN = 30


class PairsView(Card):
    """A table of pairs."""

    tab, entry, place = "compare", "pairs", Place(0, 1, 0)
    front, word = "choices.detail", "Changed pairs"
    follows = ("fit", "pair", "compared.beside", "choices.among", "choices.shown")

    def __init__(self, compared: Compared, choices: CompareChoices) -> None:
        self.begin(compared.state)
        self.compared, self.choices = compared, choices
        self._filled: pd.DataFrame | None = None
        self.table = Table(
            [
                Column("Gene"),
                Column("with"),
                Column("r in A", "0.00", width=66),
                Column("r in B", "0.00", width=66),
                Column("B − A", "+0.00", "Change of the correlation", 66),
            ],
            on_row=self._choose,
        )
        among = pmui.Select.from_param(
            choices.param.among,
            label="Pairs of",
            options=AMONG,
            size="small",
            width=180,
            description="",
            margin=0,
        )
        self.build(
            param.bind(changes_heading, compared.param.beside),
            strip(among),
            figure(self.table, message=html.bound(html.empty, compared.param.said)),
        )

    def inputs(self) -> tuple[Any, ...] | None:
        beside, shown = self.compared.shown, self.choices.shown
        if beside is None or self.choices.among == "all":
            return None if beside is None else (beside, None)
        return None if shown is None else (beside, shown.tables.one.columns)

    def compute(self, beside: Beside, genes: pd.Index | None) -> pd.DataFrame:
        return summaries.changed_pairs(beside.fit, beside.other.fit, genes)

    def paint(self, result: pd.DataFrame) -> None:
        if result is not self._filled:
            self._filled = result
            self._fill(result)
        self._mark()

    def _fill(self, result: pd.DataFrame) -> None:
        names = [result[side].astype(str).tolist() for side in ("first", "second")]
        self.table.fill([*names, *(result[name].to_numpy() for name in ("r", "r_other", "change"))])

    def _mark(self) -> None:
        pair, pairs = self.state.pair, self.result
        place = None
        if pair is not None and pairs is not None:
            for first, second in (pair, pair[::-1]):
                at = (pairs["first"] == first) & (pairs["second"] == second)
                place = int(at.to_numpy().argmax()) if at.any() else place
        self.table.choose(place)

    def _choose(self, rows: list[int]) -> None:
        if rows and self.result is not None:
            row = self.result.iloc[rows[0]]
            self.state.choose_pair(str(row["first"]), str(row["second"]))

    def export(self) -> Export | None:
        pairs = self.result
        if pairs is None:
            return None

        def draw() -> Any:
            from dashboard import figures

            first = pairs.head(DRAWN)
            names = first["first"].astype(str) + " × " + first["second"].astype(str)
            values = pd.Series(first["change"].to_numpy(), index=names)
            return figures.bars(
                values, title="Pairs of genes that change most", xlabel="change of r, B − A"
            )

        return Export("changed pairs", draw, lambda: pairs.set_index(["first", "second"]))


def changes_heading(beside: Beside | None) -> html.Heading:
    """The heading; with a warning if a run has no factors, or factors that miss something."""
    if beside is None:
        return HEAD
    if is_bare(beside.fit) or is_bare(beside.other.fit):
        return replace(HEAD, how=html.finding(NO_CHANGE, NO_CHANGE))
    runs = {"A": beside.fit, "B": beside.other.fit}
    known = {name: one for name, fit in runs.items() if (one := structure_of(fit)) is not None}
    why = " ".join(f"{name}: {one.words}" for name, one in known.items() if one.words)
    if nothing := [name for name, one in known.items() if one.nothing]:
        words = f"There is nothing to find in {' and '.join(nothing)}: no change is a finding."
    elif missed := [name for name, one in known.items() if one.words]:
        words = f"Factors of {' and '.join(missed)} miss something: so do these changes."
    else:
        return HEAD
    return replace(HEAD, how=html.finding(words, why))
