"""The factors: how much each explains, which genes it moves, and those of the chosen one."""

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
from dashboard.lists import percent
from dashboard.plots.loading_bars import LoadingBars
from dashboard.plots.loadings import LoadingsMap, leading_genes
from dashboard.state import AppState
from dashboard.together import together
from dashboard.views.card import card, figure, waiting
from engine import summaries
from engine.results import Fit

HEAD = html.heading(
    "Factor loadings",
    "Genes that a factor raises (red) and lowers (blue). Click a column or a name.",
    "W_clr = H W, on its principal axes (thin SVD); bars: W_clr[g, factor]",
    "W is known up to rotation only. Factors are ordered by the CLR variance they explain and "
    "signed so that the largest |loading| is positive. The image shows the strongest genes of "
    "every factor, beside the factor that moves them most.",
)


class LoadingsView(pn.viewable.Viewer):
    """Image of the strongest loadings beside the strongest genes of the chosen factor."""

    def __init__(self, state: AppState, browser: Browser) -> None:
        super().__init__()
        self.state = state
        self.map, self.bars = LoadingsMap(), LoadingBars()
        self._fit: Fit | None = None
        self._drawn: int | None = None
        self._loadings = pd.DataFrame()
        self._rows = pd.DataFrame()
        self._factor = pmui.Select(
            label="Factor", options={"factor 1": 0}, size="small", width=104, margin=0
        )
        previous, following = (
            pmui.IconButton(
                icon=icon,
                size="small",
                margin=0,
                description=words,
                on_click=together(lambda _event, by=by: state.step_factor(by)),
            )
            for icon, words, by in (
                ("chevron_left", "Previous factor", -1),
                ("chevron_right", "Next factor", 1),
            )
        )
        self._panel = card(
            HEAD,
            figure(self.map.figure, self.bars.figure, message=waiting(state)),
            tools=(
                previous,
                self._factor,
                following,
                ExportMenu(browser, self._export, state, name="loadings"),
            ),
        )
        self.map.on_factor(together(state.choose_factor))
        self.map.on_gene(together(state.choose_gene))
        self.bars.on_gene(together(state.choose_gene))
        self._factor.param.watch(self._pick, "value")
        state.param.watch(self._update, ["fit", "factor", "marked"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @together
    def _pick(self, event: param.parameterized.Event) -> None:
        if event.new != self.state.shown_factor:
            self.state.choose_factor(event.new)

    def _update(self, *_events: object) -> None:
        fit, factor = self.state.fit, self.state.shown_factor
        if fit is None:
            self._fit = None
            return
        if fit is not self._fit:
            self._fit, self._drawn = fit, None
            self._loadings = summaries.loadings(fit)
            self._rows = leading_genes(self._loadings)
            self.map.show(self._rows, summaries.explained_variance(fit))
        if factor != self._drawn:
            self._drawn = factor
            options = {name: j for j, name in enumerate(fit.factor_names)}
            self._factor.param.update(options=options, value=factor)
            name = fit.factor_names[factor]
            share = percent(summaries.explained_variance(fit)[name], 1)
            self.map.choose(factor)
            self.bars.show(self._loadings[name], f"{name} · {share}")
        self.map.mark(self.state.marked)
        self.bars.mark(self.state.marked)

    def _export(self) -> Export | None:
        fit, factor, marked = self._fit, self.state.shown_factor, self.state.marked
        if fit is None:
            return None
        rows, bars, table = self._rows, self.bars.drawn, self._loadings
        explained = summaries.explained_variance(fit)

        def draw() -> Any:
            from dashboard import figures

            return figures.loadings(rows, explained, bars, factor=factor, marked=marked)

        return Export("loadings", draw, lambda: table)
