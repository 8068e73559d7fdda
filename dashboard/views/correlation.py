"""The genes: which of them move together."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.browser import Browser
from dashboard.controls.export import ExportMenu
from dashboard.export import Export
from dashboard.plots.heatmap import Heatmap, clustered
from dashboard.state import AppState
from dashboard.together import together
from dashboard.views.card import card, figure, waiting
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
        self._which = pmui.Select(
            label="Genes", options={"Top genes": "top"}, size="small", width=138, margin=0
        )
        count = pmui.Select.from_param(
            state.param.top_genes,
            label="How many",
            options=[25, 50, 100, 200, 400],
            size="small",
            width=80,
            description="",
            margin=0,
        )
        self._panel = card(
            heading(state, HEAD, TOPICS),
            figure(self.heatmap.figure, message=waiting(state)),
            tools=(
                self._which,
                count,
                ExportMenu(browser, self._export, state, name="correlations"),
            ),
        )
        self.heatmap.on_pair(together(state.choose_pair))
        self.heatmap.on_gene(together(state.choose_gene))
        self._which.param.watch(self._pick, "value")
        state.param.watch(self._update, WATCHED)
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @together
    def _pick(self, event: param.parameterized.Event) -> None:
        state = self.state
        heat = str(event.new).split(" ", 1)[0]
        if heat == state.heat:
            return
        if heat == "factor" and state.factor is None:
            state.choose_factor(state.shown_factor)
        else:
            state.heat = heat

    def _update(self, *_events: object) -> None:
        state, fit = self.state, self.state.fit
        if fit is None:
            self._fit, self._shown = None, ()
            return
        self._which.param.update(**self._choices())
        shown = (state.heat, state.top_genes, self._about())
        # Marks are drawn over the image; only other genes need another one.
        if fit is not self._fit or shown != self._shown:
            self._fit, self._shown = fit, shown
            self._table = clustered(summaries.clr_correlation(fit, self._genes(fit)))
            self.heatmap.show(self._table)
        self.heatmap.mark(state.marked, state.pair)

    def _choices(self) -> dict[str, Any]:
        # Another name needs another value: a select does not show that only its words changed.
        state = self.state
        values = {"top": "top", "factor": "factor"}
        options = {"Top genes": "top", f"Chosen {state.kind}": "factor"}
        if state.marked:
            values["gene"] = f"gene {state.marked[0]}"
            options[f"Near {state.marked[0]}"] = values["gene"]
        return {"options": options, "value": values.get(state.heat, "top")}

    def _about(self) -> object:
        if self.state.heat == "gene" and self.state.marked:
            return self.state.marked[0]
        return self.state.shown_factor if self.state.heat == "factor" else None

    def _genes(self, fit: AnyFit) -> pd.Index:
        heat, count, about = self.state.heat, self.state.top_genes, self._about()
        if heat == "factor":
            return summaries.factor_genes(fit, self.state.shown_factor, count)
        if heat == "gene" and isinstance(about, str):
            near = summaries.correlation_with(fit, about).index[: count - 1]
            return near.insert(0, about)
        return summaries.programme_genes(fit, count)

    def _export(self) -> Export | None:
        if self._fit is None:
            return None
        table, marked = self._table, self.state.marked

        def draw() -> Any:
            from dashboard import figures

            return figures.heatmap(table, marked=marked)

        return Export("correlations", draw, lambda: table)
