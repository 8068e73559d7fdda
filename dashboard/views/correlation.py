"""The genes: which of them move together."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.controls.export import ExportMenu
from dashboard.export import Export
from dashboard.plots.heatmap import Heatmap, clustered
from dashboard.state import AppState
from dashboard.together import together
from dashboard.views.card import card, figure, waiting
from dashboard.views.heat_genes import HeatGenes
from dashboard.views.wording import heading
from engine import summaries
from engine.results import AnyFit

HEAD = html.heading(
    "Gene correlations",
    "Red: rise and fall together; blue: exclude each other. Click a cell or a name.",
    "corr(clr ρ)[i, j] of Σ_clr = H (W Wᵀ + diag d) Hᵀ, with H = I − 11ᵀ/G",
    "CLR correlations are relative to the geometric mean of the modelled genes: a different "
    "choice of genes changes them. Top genes have the largest CLR variance carried by factors, "
    "|w_g|²; those of a factor its largest |loadings|; those near a gene the largest |r| with it. "
    "Their order is average linkage on 1 − r.",
)
TOPICS = html.heading(
    "Gene correlations",
    "Red: together, blue: apart, as far as topics imply, so strong. Click a cell or a name.",
    "corr over cells of clr(Σ_k θ_ck β_k)[i, j], with H = I − 11ᵀ/G in clr x = H log x",
    "Topics leave a cell nothing of its own, so these are the correlations that topics imply: "
    "genes of one topic correlate almost perfectly, and a correlation of LNM is not to be "
    "expected here. Over at most 2,000 cells, drawn once. Top genes tell most of the topic of a "
    "count; those of a topic have the largest β log(β / mean of all topics); those near a gene the "
    "largest |r| with it. Their order is average linkage on 1 − r.",
)
WATCHED = ["fit", "heat", "factor", "top_genes", "marked", "pair"]


class CorrelationView(pn.viewable.Viewer):
    """Clustered heatmap of the model's CLR correlations."""

    def __init__(self, state: AppState, browser: Browser) -> None:
        super().__init__()
        self.state = state
        self.heatmap = Heatmap()
        self._fit: AnyFit | None = None
        self._shown: tuple[object, ...] = ()
        self._table = pd.DataFrame()
        self._genes = HeatGenes(state)
        self._panel = card(
            heading(state, HEAD, TOPICS),
            figure(self.heatmap.figure, message=waiting(state)),
            tools=(
                *self._genes.widgets,
                ExportMenu(browser, self._export, state, name="correlations"),
            ),
        )
        self.heatmap.on_pair(together(state.choose_pair))
        self.heatmap.on_gene(together(state.choose_gene))
        state.param.watch(self._update, WATCHED)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _update(self, *_events: object) -> None:
        state, fit = self.state, self.state.fit
        if fit is None:
            self._fit, self._shown = None, ()
            return
        self._genes.update()
        shown = self._genes.asked()
        # Marks are drawn over the image; only other genes need another one.
        if fit is not self._fit or shown != self._shown:
            self._fit, self._shown = fit, shown
            self._table = clustered(summaries.clr_correlation(fit, self._genes.of(fit)))
            self.heatmap.show(self._table)
        self.heatmap.mark(state.marked, state.pair)

    def _export(self) -> Export | None:
        if self._fit is None:
            return None
        table, marked = self._table, self.state.marked

        def draw() -> Any:
            from dashboard import figures

            return figures.heatmap(table, marked=marked)

        return Export("correlations", draw, lambda: table)
