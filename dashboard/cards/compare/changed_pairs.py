"""The pairs of genes whose correlation differs most between two runs."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.cards.background import summarised
from dashboard.cards.compare.bar import strip
from dashboard.cards.compare.change import ChangeView
from dashboard.cards.compare.choices import TAB, CompareChoices
from dashboard.cards.compare.compared import Compared
from dashboard.cards.frame import figure
from dashboard.cards.table import Column, Table
from dashboard.export import Export
from engine import summaries

HEAD = html.heading(
    "Changed pairs",
    "By how much their correlation differs. Click a pair to choose it everywhere.",
    "r_B − r_A, r = corr(clr ρ)[i, j]",
    "The 200 largest differences among all genes that both runs model, or among those of the "
    "heatmap. These are point estimates: rare genes, whose residual variance is mostly prior, "
    "change easily and lead the list of all genes.",
)
AMONG = {"All common genes": "all", "Genes of the heatmap": "shown"}
DRAWN = 30


class PairsView(pn.viewable.Viewer):
    """A table; a body without a card, worked out while it is shown."""

    def __init__(self, compared: Compared, choices: CompareChoices, change: ChangeView) -> None:
        super().__init__()
        self.compared, self.choices, self.change = compared, choices, change
        self.state = compared.state
        self.working: Future[None] | None = None
        self.found: pd.DataFrame | None = None
        self._asked: tuple[Any, ...] = ()
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
        self._panel = pn.Column(
            strip(among),
            figure(self.table, message=html.bound(html.empty, compared.param.said)),
            sizing_mode="stretch_both",
            margin=0,
        )
        self.state.param.watch(self._update, ["tab", "fit", "pair"])
        compared.param.watch(self._update, "beside")
        choices.param.watch(self._update, ["detail", "among"])
        change.on_shown(self._update)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _update(self, *_events: object) -> None:
        state, beside = self.state, self.compared.beside
        if state.tab != TAB or self.choices.detail != "pairs":
            return
        if beside is None or beside.fit is not state.fit:
            self._asked, self.found = (), None
            return
        genes = None
        if self.choices.among == "shown":
            if self.change.shown is None:
                return
            genes = self.change.shown.tables.one.columns
        asked = beside, genes
        if not self._asked or any(a is not b for a, b in zip(asked, self._asked, strict=True)):
            self._asked, self.found = asked, None
            self.working = summarised(
                state,
                lambda: summaries.changed_pairs(beside.fit, beside.other.fit, genes),
                lambda found: self._show(asked, found),
            )
        elif self.found is not None:
            self._mark()

    def _show(self, asked: tuple[Any, ...], found: pd.DataFrame) -> None:
        if self._asked is not asked:
            return
        self.found = found
        names = [found[side].astype(str).tolist() for side in ("first", "second")]
        self.table.fill([*names, *(found[name].to_numpy() for name in ("r", "r_other", "change"))])
        self._mark()

    def _mark(self) -> None:
        pair, found = self.state.pair, self.found
        place = None
        if pair is not None and found is not None:
            for first, second in (pair, pair[::-1]):
                at = (found["first"] == first) & (found["second"] == second)
                place = int(at.to_numpy().argmax()) if at.any() else place
        self.table.choose(place)

    def _choose(self, rows: list[int]) -> None:
        if rows and self.found is not None:
            row = self.found.iloc[rows[0]]
            self.state.choose_pair(str(row["first"]), str(row["second"]))

    def export(self) -> Export | None:
        """The first pairs as bars, all of them as a table."""
        found = self.found
        if found is None:
            return None

        def draw() -> Any:
            from dashboard import figures

            first = found.head(DRAWN)
            names = first["first"].astype(str) + " × " + first["second"].astype(str)
            values = pd.Series(first["change"].to_numpy(), index=names)
            return figures.bars(
                values, title="Pairs of genes that change most", xlabel="change of r, B − A"
            )

        return Export("changed pairs", draw, lambda: found.set_index(["first", "second"]))
