"""Charts of a check: all genes, the residuals of one gene, or total counts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place, same
from dashboard.cards.check.shown_check import missing
from dashboard.cards.check.tab_choices import CHART_TABS, CheckChoices
from dashboard.cards.frame import figure
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.check_lines import ResidualPlot, TotalsPlot
from dashboard.plots.check_points import CHARTS, MISSED, PAIRS, Chart, CheckPoints
from dashboard.select import Select
from dashboard.state import AppState
from engine import checks
from engine.jobs import Checked

ACT = "check-chart"
WORDS = {"genes": "All genes", "residuals": "Residuals", "totals": "Total counts"}
HEADS = {
    "genes": html.heading(
        "All genes",
        "Red diamonds do not fit; grey: 90 % of the draws. Click to choose.",
        "T(observed) against the mean and the 5 and 95 % points of T(replicate)",
        "Zeros and variance stand over the observed mean count of a gene. The CLR is that of "
        "counts plus 0.5, over all features of the fit. Correlations are Pearson's of "
        "log(1 + counts · median total / total), of the genes of which draws were kept. All pairs: "
        "of every pair of genes in up to 2,000 cells, whatever group is shown, the 200 whose "
        "residuals are correlated most beyond those of drawn counts; grey: where all pairs are in "
        "90 % of the draws, so that the choice of the largest is allowed for.",
    ),
    "residuals": html.heading(
        "Residuals",
        "On the line, within the band: the gene is as the model has it.",
        "r = Φ⁻¹(rank of u_cg among its draws), ties broken at random (Dunn & Smyth 1996)",
        "The band holds 90 % of as many independent normal numbers. From the posterior and at the "
        "mode each cell was seen by its own draws, and residuals are drawn towards zero: only "
        "those of new cells lie on the line where the model is true.",
    ),
    "totals": html.heading(
        "Total counts",
        "Green: observed; grey: 50 and 90 % of the model's draws.",
        "N_c ~ NB(m exp(−η_c), r)",
        "Drawn from the model's distribution of total counts, whatever totals the draws of the "
        "genes had. LDA has none.",
    ),
}
NO_TOTALS = "This model takes the total counts as given: it has no distribution of them."


class ChartsView(Card):
    """A card of three tabs, one figure each."""

    tab, entry, place = "check", "chart", Place(0, 1)
    follows = ("marked", *(f"choices.{name}" for name in ("checked", "group", "chart", "tab")))

    def __init__(self, state: AppState, choices: CheckChoices, browser: Browser) -> None:
        self.begin(state)
        self.choices = choices
        self.points, self.residuals, self.totals = CheckPoints(), ResidualPlot(), TotalsPlot()
        self._of: dict[str, tuple[Any, ...]] = {}
        self._shown: dict[str, pd.DataFrame] = {}
        tab = choices.param.tab
        cover = missing(state, choices)
        plots = {
            "genes": self.points.figure,
            "residuals": self.residuals.figure,
            "totals": self.totals.figure,
        }
        self._bodies = {name: figure(plot, message=cover) for name, plot in plots.items()}
        self._body = pn.Column(self._bodies[choices.tab], sizing_mode="stretch_both", margin=0)
        self.chart = Select.from_param(
            choices.param.chart,
            label="Of",
            options={shown.words: name for name, shown in CHARTS.items()},
            size="small",
            width=120,
            margin=0,
            description="",
        )
        self.points.on_point(one_message(self._choose))
        browser.on(ACT, self._turn)
        self.build(
            html.bound(_head, tab),
            self._body,
            browser=browser,
            tools=(self.chart,),
        )

    def _turn(self, name: str) -> None:
        if name in CHART_TABS and name != self.choices.tab:
            self._body.objects = [self._bodies[name]]
            self.chart.disabled = name != "genes"
            self.choices.tab = name

    def _choose(self, names: tuple[str, ...]) -> None:
        if len(names) == 1:
            self.state.choose_gene(names[0])
        else:
            self.state.choose_pair(*names)

    def gene(self, result: Checked) -> str:
        """The gene whose residuals are shown: a marked one that has draws, else the worst."""
        rows = result.check.residuals
        known = set(rows["gene"].astype(str))
        worst = result.check.genes["gene"].astype(str)
        return next(gene for gene in (*self.state.marked, *worst) if gene in known)

    def refresh(self, *_events: object) -> None:
        checked, choices = self.choices.checked, self.choices
        if checked is None:
            return
        tab, group = choices.tab, choices.group
        what = {"genes": choices.chart, "residuals": self.gene(checked), "totals": ""}[tab]
        of = checked, group, what
        if not same(of, self._of.get(tab, ())):
            self._of[tab] = of
            self._draw(tab, checked, group, what)
        if tab == "genes":
            pair = self.state.pair if CHARTS[what].of in (PAIRS, MISSED) else None
            self.points.mark(pair or self.state.marked)

    def _draw(self, tab: str, result: Checked, group: str, what: str) -> None:
        check = result.check
        if tab == "genes":
            chart = CHARTS[what]
            rows = _points(check, chart, group)
            self.points.show(rows, chart)
        elif tab == "residuals":
            rows = check.residuals[
                (check.residuals["group"] == group) & (check.residuals["gene"] == what)
            ]
            marked = next(iter(self.state.marked), what)
            self.residuals.show(rows, what if marked == what else f"{what} ({marked}: check again)")
        else:
            totals = check.totals
            rows = pd.DataFrame() if totals is None else totals[totals["group"] == group]
            self.totals.show(rows, "" if totals is not None else NO_TOTALS)
        self._shown[tab] = rows

    def export(self) -> Export | None:
        tab = self.choices.tab
        rows = self._shown.get(tab)
        if rows is None or not len(rows):
            return None
        what = self._of[tab][2]

        def draw() -> Any:
            from dashboard import figures

            if tab == "genes":
                return figures.check_points(rows, CHARTS[what])
            return figures.residuals(rows, what) if tab == "residuals" else figures.totals(rows)

        stem = "total counts"
        if tab != "totals":
            stem = f"{CHARTS[what].words} of genes" if tab == "genes" else f"residuals of {what}"
        index = "group" if tab == "totals" else "gene"
        return Export(stem, draw, lambda: rows.set_index(index), of=self._of[tab][0].fit)


def _points(check: checks.PredictiveCheck, chart: Chart, group: str) -> pd.DataFrame:
    if chart.of == PAIRS:
        return checks.pair_points(check.pairs, group)
    if chart.of == MISSED:
        return checks.missed_points(check.missed)
    return checks.gene_points(check.genes, chart.of, group)


def _head(tab: str) -> html.Heading:
    head = HEADS[tab]
    return html.Heading(lists.tabs("Charts", WORDS, tab, ACT) + head.title, head.how)
