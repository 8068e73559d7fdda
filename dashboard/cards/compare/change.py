"""Gene correlations of two runs: either, or their difference."""

from __future__ import annotations

from typing import Any, NamedTuple

import panel_material_ui as pmui

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place, same
from dashboard.cards.compare.compared import Beside, Compared
from dashboard.cards.compare.tab_choices import CompareChoices
from dashboard.cards.explore.cell_map import TIGHT
from dashboard.cards.frame import figure
from dashboard.cards.heat_genes import HeatGenes, genes
from dashboard.export import Export
from dashboard.gene_ids import ids_of
from dashboard.one_message import one_message
from dashboard.plots.compare_heatmap import ComparedHeatmap, in_order, limits
from engine import summaries

HEAD = html.heading(
    "Correlations",
    "B − A: red, more together in B; blue, less. Click a cell or a name.",
    "corr_B(clr ρ)[i, j] − corr_A(clr ρ)[i, j], Σ_clr = H (W Wᵀ + diag d) Hᵀ",
    "Genes are those that both runs model, chosen in A, and in one order for all three pictures: "
    "average linkage on 1 − the mean of both correlations. CLR is relative to the geometric mean "
    "of the genes that a run models: with another choice of genes, all correlations move. "
    "Correlations do not depend on the rotation of the factors. Between LDA and LNM large "
    "differences are to be expected: topics alone imply correlations near 1 and −1.",
)
SHOWN = {"A": "one", "B": "other", "B \N{MINUS SIGN} A": "change"}
SWITCH = TIGHT | {"& .MuiToggleButton-root": {"padding": "4px 8px", "whiteSpace": "nowrap"}}
# Ordering this many takes 15 ms.
_QUICK_GENES = 200
TITLES = {
    "one": "CLR correlation in A",
    "other": "CLR correlation in B",
    "change": "change of r, B − A",
}


class Shown(NamedTuple):
    """Both tables in display order, and the limits of their colours."""

    tables: summaries.Correlations
    limit: float
    changed: float


class ChangeView(Card):
    """A heatmap of A, B or their difference."""

    tab, entry, place = "compare", "changes", Place(1, 1)
    follows = (
        *("fit", "heat", "factor", "top_genes", "marked", "pair"),
        *("compared.beside", "choices.heat"),
    )

    def __init__(self, compared: Compared, choices: CompareChoices, browser: Browser) -> None:
        state = compared.state
        self.begin(state)
        self.compared, self.choices = compared, choices
        self.heatmap = ComparedHeatmap()
        self._drawn: tuple[Any, ...] = ()
        self._genes = HeatGenes(state)
        switch = pmui.RadioButtonGroup.from_param(
            choices.param.heat,
            label="",
            options=SHOWN,
            variant="outlined",
            description="The open run, the other one, or their difference",
            size="small",
            margin=0,
            sx=SWITCH,
        )
        message = html.bound(html.empty, compared.param.said)
        self.heatmap.on_pair(one_message(state.choose_pair))
        self.heatmap.on_gene(one_message(state.choose_gene))
        self.build(
            HEAD,
            figure(self.heatmap.figure, message=message),
            browser=browser,
            tools=(switch, self._genes.widgets[0]),
        )

    def refresh(self, *events: object) -> None:
        if self.fit is not None:
            self._genes.update()
            super().refresh(*events)

    def inputs(self) -> tuple[Any, ...] | None:
        beside = self.compared.shown
        return None if beside is None else (beside, *self._genes.choice())

    def compute(self, beside: Beside, *inputs: Any) -> Shown:
        correlations = summaries.correlations(
            beside.fit, beside.other.fit, genes(beside.fit, *inputs)
        )
        order = in_order(*correlations)
        tables = summaries.Correlations(*(table.loc[order, order] for table in correlations))
        return Shown(tables, *limits(*tables))

    def is_quick(self, beside: Beside, *_inputs: object) -> bool:
        # Topics need cells to be drawn first; ordering many genes is slow.
        mixed = any(fit.can("mixtures") for fit in (beside.fit, beside.other.fit))
        return not mixed and self.state.top_genes <= _QUICK_GENES

    def clear(self) -> None:
        self.choices.shown = None

    wait = clear

    def paint(self, shown: Shown) -> None:
        which = self.choices.heat
        self.choices.shown = shown
        if not same((shown, which), self._drawn):
            self._drawn = shown, which
            limit = shown.changed if which == "change" else shown.limit
            table, ids = getattr(shown.tables, which), ids_of(self.state.fit)
            self.heatmap.show_as(table, TITLES[which], limit, ids)
        self.heatmap.mark(self.state.marked, self.state.pair)

    def export(self) -> Export | None:
        shown, beside = self.result, self.compared.beside
        if shown is None or beside is None:
            return None
        tables, marked = shown.tables, self.state.marked
        titles = self.compared.name_of(self.state.run), self.compared.name_of(beside.run)

        def draw() -> Any:
            from dashboard import figures

            return figures.compare_heatmap(tables.one, tables.other, titles=titles, marked=marked)

        def table() -> Any:
            return summaries.changed_pairs(
                beside.fit, beside.other.fit, tables.one.columns, n=len(tables.one) ** 2
            ).set_index(["first", "second"])

        return Export("correlations of two runs", draw, table)
