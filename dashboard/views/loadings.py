"""The factors: how much each explains, and the genes of the chosen one."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.plots.loadings import loading_bars, top_loadings, variance_bars
from dashboard.state import AppState
from dashboard.views.card import card, figure, progress, waiting
from engine import summaries

HEAD = html.heading(
    "Factor loadings",
    "Genes that a factor raises (red) and lowers (blue); click a factor to choose it.",
    "W_clr = H W, on its principal axes (thin SVD); bars: W_clr[g, factor]",
    "W is known up to rotation only. Factors are ordered by the CLR variance they explain and "
    "signed so that the largest |loading| is positive.",
)


class LoadingsView(pn.viewable.Viewer):
    """Explained variance of all factors beside the top genes of the chosen one."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        self._factor = pmui.Select(
            label="Factor", options={"factor 1": 0}, size="small", width=120, margin=0
        )
        previous, following = (
            pmui.IconButton(
                icon=icon, size="small", margin=0, description=words, on_click=self._step(by)
            )
            for icon, words, by in (
                ("chevron_left", "Previous factor", -1),
                ("chevron_right", "Next factor", 1),
            )
        )
        changed = hv.streams.Params(state, ["fit", "factor"], watch_only=True)
        variance = hv.DynamicMap(self._variance, streams=[changed])
        tap = hv.streams.Tap(source=variance)
        tap.param.watch(self._tapped, "x")
        genes = hv.DynamicMap(self._genes, streams=[changed])
        self._panel = card(
            HEAD,
            figure(variance, genes, message=waiting(state), widest=(360,)),
            tools=(progress(state), previous, self._factor, following),
        )
        self._factor.param.watch(self._pick, "value")
        state.param.watch(self._refresh, ["fit", "factor"])
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _step(self, by: int) -> Any:
        return lambda _event: self.state.choose_factor(self.state.factor + by)

    def _pick(self, event: param.parameterized.Event) -> None:
        if event.new != self.state.factor:
            self.state.choose_factor(event.new)

    def _tapped(self, event: param.parameterized.Event) -> None:
        if isinstance(event.new, str) and event.new.isdigit():
            self.state.choose_factor(int(event.new) - 1)

    def _refresh(self, *_events: object) -> None:
        if self.state.fit is None:
            return
        options = {name: j for j, name in enumerate(self.state.fit.factor_names)}
        self._factor.param.update(options=options, value=self.state.factor)

    def _variance(self, **_: object) -> hv.Bars:
        fit = self.state.fit
        if fit is None:
            return variance_bars(pd.Series([0.0]), 0)
        return variance_bars(summaries.explained_variance(fit), self.state.factor)

    def _genes(self, **_: object) -> hv.Bars:
        fit = self.state.fit
        if fit is None:
            return loading_bars(pd.Series([0.0], index=[""]), "")
        name = fit.factor_names[self.state.factor]
        return loading_bars(top_loadings(summaries.loadings(fit)[name]), f"Top genes of {name}")
