"""Counts of a few genes, observed over predicted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place, same
from dashboard.cards.check.checker import TAB
from dashboard.cards.check.shown_check import missing
from dashboard.cards.check.tab_choices import CheckChoices
from dashboard.cards.choice_bar import gene_search
from dashboard.cards.frame import figure
from dashboard.cut import CHIP, cut
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.check_bins import KINDS, SHORT
from dashboard.plots.check_counts import MOST, CountPanels
from dashboard.state import AppState
from engine import checks
from engine.jobs import Checked

HEAD = html.heading(
    "Counts of genes",
    "Green: observed; grey: 50 and 90 % of the draws. Click a panel to choose its gene.",
    "#{c : u_cg = n} over the cells of the group, against the same of each draw",
    "Heights of the histogram are square roots, or the zeros would hide all else, of the cells per "
    "count: a bin of four counts has a quarter of its cells at each. In a rootogram "
    "bars of √observed hang from √predicted: one that ends above zero has too few cells, one that "
    "ends below too many, and the grey bands are where 50 and 90 % of the draws end. Distributions "
    "are kept of the chosen genes, of those that fit worst in a first look at 500 cells, and of "
    "the 40 whose programmes show most in counts; the table has all genes.",
)
GENES = {"Chosen, worst": "both", "Chosen": "chosen", "Worst": "worst"}
NO_GENES = "No chosen gene has draws: choose one in the table, then press Check again."


class CountsView(Card):
    """Small panels of one figure."""

    tab, entry, place = "check", "counts of genes", Place(1, 0)
    caption = (
        "Cells by their counts of a gene, over bands that hold 50 % and 90 % of the counts that "
        "the fit draws."
    )
    follows = ("marked", *(f"choices.{name}" for name in ("checked", "group", "kind", "genes")))

    gone = param.String(doc="Chosen genes of which no draws were kept.")

    def __init__(self, state: AppState, choices: CheckChoices, browser: Browser) -> None:
        self.begin(state)
        self.choices = choices
        self.plot = CountPanels()
        self._of: tuple[Any, ...] = ()
        self.bars = pd.DataFrame()
        small: dict[str, Any] = {"size": "small", "margin": 0, "description": ""}
        self.search = gene_search("Add a gene", 128)
        of = choices.param
        genes = pmui.Select.from_param(of.genes, label="Panels", options=GENES, width=136, **small)
        kinds = {kind.words: name for name, kind in KINDS.items()}
        kind = pmui.Select.from_param(of.kind, label="Draw", options=kinds, width=120, **small)
        self.plot.on_gene(one_message(state.choose_gene))
        self.search.param.watch(self._choose_gene, "value")
        self.build(
            HEAD,
            pn.Row(
                self.search,
                genes,
                html.pane(html.bound(_chips, state.param.tab, state.param.marked)),
                sizing_mode="stretch_width",
                margin=(6, 0, 0, 0),
                height=40,
                css_classes=["pair-top"],
                stylesheets=[html.STYLES],
            ),
            html.live(html.note, self.param.gone, margin=(0, 10)),
            figure(self.plot.figure, message=missing(state, choices)),
            browser=browser,
            tools=(kind,),
        )

    @one_message
    def _choose_gene(self, event: param.parameterized.Event) -> None:
        if event.new:
            self.state.choose_gene(event.new)
            self.search.value = ""

    def refresh(self, *_events: object) -> None:
        checked = self.choices.checked
        if checked is None:
            return
        choices, marked = self.choices, tuple(self.state.marked)
        of = (checked, choices.group, choices.kind, choices.genes, marked)
        if same(of, self._of):
            return
        if not self._of or self._of[0] is not checked:
            names = sorted(set(checked.check.genes["gene"].astype(str)))
            self.search.param.update(options=names, disabled=False)
        self._of = of
        known = set(checked.check.distributions["gene"].astype(str))
        table = checks.misfit_table(checked.check.genes, choices.group)
        shown = genes_to_draw(table, known, marked, choices.genes)
        self.bars = checks.count_bars(
            checked.check.distributions, choices.group, shown, choices.kind
        )
        self.plot.show(self.bars, choices.kind, marked=marked, titles=worst_misfits(table))
        gone = [gene for gene in marked if gene not in known]
        self.gone = f"{', '.join(gone)}: press Check again to draw it." if gone else ""
        if not shown:
            self.gone = NO_GENES

    def export(self) -> Export | None:
        if not self._of or not len(self.bars):
            return None
        checked: Checked = self._of[0]
        _, group, kind, _, _ = self._of
        bars, titles = self.bars, worst_misfits(checks.misfit_table(checked.check.genes, group))

        def draw() -> Any:
            from dashboard import figures

            return figures.check_counts(bars, kind, titles=titles)

        def data() -> pd.DataFrame:
            rows = checked.check.distributions
            mine = (rows["group"] == group) & rows["gene"].isin(set(bars["gene"]))
            return rows[mine].set_index("gene")

        return Export("counts of genes", draw, data, of=checked.fit)


def genes_to_draw(
    table: pd.DataFrame, known: set[str], marked: tuple[str, ...], which: str
) -> list[str]:
    """At most `MOST` genes: the chosen ones, the worst, or both, of those that have draws."""
    worst = table["gene"].astype(str).drop_duplicates()
    chosen = list(marked) if which != "worst" else []
    others = worst.tolist() if which != "chosen" else []
    return [gene for gene in dict.fromkeys([*chosen, *others]) if gene in known][:MOST]


def worst_misfits(table: pd.DataFrame) -> dict[str, str]:
    """The worst discrepancy of each gene that does not fit."""
    off = table[table["misfit"]].drop_duplicates("gene")
    return dict(zip(off["gene"].astype(str), off["discrepancy"].map(SHORT), strict=True))


def _chips(tab: str, marked: tuple[str, ...]) -> str:
    named = zip(marked, cut(marked, CHIP), strict=True)
    items = [html.chip(label, "gene", "drop-gene", gene, gene) for gene, label in named]
    return html.chips(items) if tab == TAB else ""
