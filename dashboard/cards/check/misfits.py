"""Genes that do not fit, as a table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel_material_ui as pmui

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place, same
from dashboard.cards.check.shown_check import covered, missing
from dashboard.cards.check.tab_choices import CheckChoices
from dashboard.cards.table import SMALL, Column, Table
from dashboard.export import Export
from dashboard.plots.check_bins import WORDS
from dashboard.state import AppState
from engine import checks
from engine.checks.predictive.discrepancies import THRESHOLDS

HEAD = html.heading(
    "Genes that do not fit",
    "Worst first. Click to choose.",
    "p two-sided among the draws; q = Benjamini–Hochberg over the genes, by statistic",
    "Where fewer than ten draws are as extreme, the tail is that of a Pearson type III "
    "distribution with their mean, variance and skewness. Listed as misfits are those of q ≤ 0.05 "
    f"that are large enough to matter: {THRESHOLDS} off.",
)
ROWS = {"Misfits": False, "All genes": True}


class MisfitsView(Card):
    """A table whose rows choose genes."""

    tab, entry, place = "check", "table of genes", Place(1, 1)
    caption = "Genes whose counts differ from those that the fit draws, by what differs."
    follows = (
        "marked",
        *(f"choices.{name}" for name in ("checked", "group", "discrepancy", "fitting")),
    )

    def __init__(self, state: AppState, choices: CheckChoices, browser: Browser) -> None:
        self.begin(state)
        self.choices = choices
        self._of: tuple[Any, ...] = ()
        self.rows = pd.DataFrame()
        self.table = Table(
            [
                Column("Gene", width=96),
                Column("of", width=92, tip="The statistic that was compared"),
                Column("observed", "0,0.[000]"),
                Column("predicted", "0,0.[000]", "Mean of the draws"),
                Column("p", SMALL, "Two-sided p-value among the draws"),
                Column("q", SMALL, "Adjusted for the number of genes"),
            ],
            on_row=self._choose,
        )
        of = choices.param
        small: dict[str, Any] = {"size": "small", "margin": 0, "description": ""}
        kinds = {"all": ""} | {words: name for name, words in WORDS.items()}
        self.build(
            HEAD,
            covered(self.table, missing(state, choices)),
            browser=browser,
            tools=(
                pmui.Select.from_param(
                    of.discrepancy, label="Of", options=kinds, width=132, **small
                ),
                pmui.Select.from_param(of.fitting, label="Rows", options=ROWS, width=96, **small),
            ),
        )

    def _choose(self, rows: list[int]) -> None:
        if rows:
            self.state.choose_gene(str(self.rows["gene"].iloc[rows[0]]))

    def refresh(self, *_events: object) -> None:
        checked, choices = self.choices.checked, self.choices
        if checked is None:
            return
        of = (checked, choices.group, choices.discrepancy, choices.fitting)
        if not same(of, self._of):
            self._of = of
            rows = checks.misfit_table(checked.check.genes, choices.group)
            if choices.discrepancy:
                rows = rows[rows["discrepancy"] == choices.discrepancy]
            self.rows = rows = rows if choices.fitting else rows[rows["misfit"]]
            numbers = ("observed", "predicted", "p_value", "q_value")
            self.table.fill(
                [
                    rows["gene"].astype(str).tolist(),
                    rows["discrepancy"].map(WORDS).tolist(),
                    *(rows[name].to_numpy() for name in numbers),
                ]
            )
        self._mark()

    def _mark(self) -> None:
        """Keep the row that was clicked, if it is of the chosen gene; else its first row."""
        genes = self.rows["gene"].astype(str).tolist()
        wanted = next(iter(self.state.marked), None)
        now = self.table.widget.selection
        if now and now[0] < len(genes) and genes[now[0]] == wanted:
            return
        self.table.choose(genes.index(wanted) if wanted in genes else None)

    def export(self) -> Export | None:
        if not self._of:
            return None
        rows, group = self.rows, self._of[1]
        counted = rows.groupby("discrepancy")["gene"].nunique().rename(WORDS)

        def draw() -> Any:
            from dashboard import figures

            title = "Genes" if self._of[3] else "Genes that do not fit"
            return figures.bars(
                counted.sort_values(ascending=False), title=f"{title}, {group}", xlabel="genes"
            )

        return Export(
            "genes that do not fit", draw, lambda: rows.set_index("gene"), of=self._of[0].fit
        )
