"""One group of cells against another: genes and factors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import param
from scipy import sparse

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure
from dashboard.cards.groups.controls import GroupControls
from dashboard.cards.groups.tab_choices import Comparison, GroupChoices
from dashboard.cards.table import SMALL, Column, Table
from dashboard.one_message import one_message
from dashboard.plots.volcano import Volcano
from dashboard.runner import Runner
from dashboard.state import AppState
from engine import Counts, differences
from engine.comparing import Differences, with_groups
from engine.errors import EngineError

ALONG = "A − B, CLR (nats)"
ASK = "Choose two groups of cells, and press Compare."
NOT_YET = "Groups are compared once a fit of factors (LNM, LNMVCP) has ended."
IN_THE_OTHER = (
    "In the half of the counts that the fit has not seen: more than counting noise in these cells."
)
HOW_TO_TEST = "To test cells that you draw, split the counts: a switch under Model."
UNKNOWN = "How these cells were selected is not known: draw them again on this fit's map."
COLUMNS = {
    "difference": Column("A − B", "+0.00", "Difference of the CLR levels, nats", 58),
    "shrunken": Column("shrunken", "+0.00", "Given what all genes tell of each", 68),
    "lfsr": Column("lfsr", SMALL, "Local false sign rate", 64),
    "expressed_a": Column("in A", "0 %", "Share of the cells of A that express it", 46),
    "expressed_b": Column("in B", "0 %", "Share of the cells of B that express it", 46),
    "per_10k_a": Column("A /10⁴", "0.0", "Mean counts of 10,000 in A", 56),
    "per_10k_b": Column("B /10⁴", "0.0", "Mean counts of 10,000 in B", 56),
}


class GroupDifferences(Card):
    """Controls above a volcano and a table."""

    summary = param.String(doc="What was compared, and the notes of the comparison.")

    tab, entry, place = "groups", "differences", Place(1)
    title = "A against B"
    caption = "Right: more frequent in A. Click a gene to choose it everywhere."
    formula = "Δ_g = l_A − l_B, y_c = μ + l + W z_c + ε_c, z ~ N(0, I); lfsr by adaptive shrinkage"
    caveat = (
        "Groups that were found in these very counts (drawn, or clusters of them) have had their "
        "test answered before it is asked: for them effects are told, and no error. A label that "
        "comes from elsewhere, a treatment, a sort, another assay, can be tested: you are asked "
        "once for each. Cells that you draw can be tested if the fit was made with split counts; "
        "that says more than counting noise in these cells, no more. Where cells are of several "
        "donors, donors are the unit: cells of one donor are alike."
    )
    follows = (
        *("fit", "fit_counts", "partial", "selected", "marked", "led_by"),
        *("choices.comparison", "choices.question", "choices.origins"),
    )
    needs = ("fit_counts",)
    listed = 20

    def __init__(
        self,
        state: AppState,
        browser: Browser,
        choices: GroupChoices,
        runner: Runner | None = None,
    ) -> None:
        self.begin(state)
        self.choices, self.runner = choices, runner
        self.plot = Volcano()
        self.plot.on_gene(one_message(state.choose_gene))
        self.table = Table([Column("Gene"), *COLUMNS.values()], on_row=self._choose)
        self.controls = GroupControls(state, browser, choices)
        self._filled: Any = None
        plain = html.heading(self.title, self.caption, self.formula, self.caveat)
        head = param.bind(
            lambda summary: (
                replace(plain, how=html.finding(summary, summary)) if summary else plain
            ),
            self.param.summary,
        )
        self._message = html.pane("")
        self.build(
            head,
            self.controls.row,
            figure(self.plot.figure, self.table, message=self._message.param.object),
            browser=browser,
        )

    def refresh(self, *events: Any) -> None:
        self.controls.offer()
        super().refresh(*events)
        if self.inputs() is None:
            words = ASK if self.controls.able else NOT_YET
            self._message.object = self.controls.question() or html.empty(words)

    def inputs(self) -> tuple[Any, ...] | None:
        comparison, counts = self.choices.comparison, self.state.fit_counts
        if comparison is None or counts is None or comparison.fit is not self.fit:
            return None
        return comparison, self.state.run, counts

    def compute(
        self, comparison: Comparison, run: str | None, matrix: sparse.csc_matrix
    ) -> Differences | EngineError:
        fit, split = comparison.fit, bool(comparison.fit.data.get("split"))
        try:
            if split and self.runner is not None and run is not None:
                rows = self.runner.services.jobs.other_half(run)
            else:
                rows = sparse.csr_matrix(matrix)
            counts = Counts.from_arrays(rows, fit.genes, fit.cells, obs=fit.obs)
            result = differences(
                fit,
                counts,
                *comparison.masks,
                donor=comparison.donor,
                data_driven=not comparison.honest,
            )
        except EngineError as error:
            return error
        # The note on covariates comes last: a line may have no room for it.
        last = len(result.notes) - fit.can("covariates")
        notes = *result.notes[:last], *_notes(comparison, split), *result.notes[last:]
        return replace(result, notes=notes)

    def wait(self) -> None:
        self._message.object = html.empty("Comparing the groups.")

    def clear(self) -> None:
        self._filled = None
        self.plot.clear()
        self.summary = ""

    def paint(self, result: Differences | EngineError) -> None:
        if isinstance(result, EngineError):
            self.clear()
            self._message.object = html.empty(str(result))
            return
        self._message.object = ""
        if result is not self._filled:
            self._filled = result
            self.plot.show(result.genes, "difference", ALONG)
            names = result.genes["gene"].astype(str).tolist()
            self.table.fill([names, *(result.genes[name].to_numpy() for name in COLUMNS)])
            unit = "donors" if result.unit == "donor" else "cells"
            groups = self._of(" against ")
            words = f"{groups}: {result.n_a:,} and {result.n_b:,} {unit}. {' '.join(result.notes)}"
            self.summary = words
        self.plot.mark(self.state.marked)

    def _choose(self, rows: list[int]) -> None:
        if rows and self._filled is not None:
            self.state.choose_gene(str(self._filled.genes["gene"].iloc[rows[0]]))

    def draw(self, result: Differences) -> Any:
        from dashboard import figures

        return figures.volcano(result.genes, "difference", title=self.stem(), xlabel=ALONG)

    def tabulate(self, result: Differences) -> pd.DataFrame:
        table, comparison = result.genes.set_index("gene"), self.choices.comparison
        if comparison is None:
            return table
        return with_groups(table, *comparison.names, comparison.donor or result.unit)

    def stem(self) -> str:
        comparison = self.choices.comparison
        by = (
            f" by {comparison.donor}"
            if comparison is not None and comparison.donor is not None
            else ""
        )
        return f"{self._of(' against ')}{by}"

    def _of(self, between: str) -> str:
        comparison = self.choices.comparison
        return "groups" if comparison is None else between.join(comparison.names)

    def export(self) -> Any:
        return super().export() if isinstance(self.result, Differences) else None


def _notes(comparison: Comparison, split: bool) -> list[str]:
    """Notes on the cells left out, and on what a test means or how to get one."""
    drawn, without = comparison.label is None, comparison.n_without
    left = (
        [f"{without:,} cells without a value of {comparison.label} are left out."]
        if without
        else []
    )
    if split:
        return left + ([IN_THE_OTHER] if comparison.honest else [UNKNOWN] * drawn)
    return left + [HOW_TO_TEST] * drawn
