"""The genes: which of them move together."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.plots.heatmap import clustered, correlation_heatmap
from dashboard.state import AppState
from dashboard.views.card import card, figure, progress, waiting
from engine import summaries

HEAD = html.heading(
    "Gene correlations",
    "Red blocks are genes that rise and fall together; blue, genes that exclude each other.",
    "corr(clr ρ)[i, j] of Σ_clr = H (W Wᵀ + diag d) Hᵀ, with H = I − 11ᵀ/G",
    "CLR correlations are relative to the geometric mean of the modelled genes: a different "
    "choice of genes changes them. The genes shown have the largest CLR variance carried by "
    "factors, |w_g|²; their order "
    "is average linkage on 1 − r.",
)
NOTHING = pd.DataFrame(np.zeros((1, 1)), index=[""], columns=[""])


class CorrelationView(pn.viewable.Viewer):
    """Clustered heatmap of the model's CLR correlations of the top-variance genes."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        count = pmui.Select.from_param(
            state.param.top_genes,
            label="Top genes",
            options=[25, 50, 100, 200, 400],
            size="small",
            width=110,
            description="",
            margin=0,
        )
        changed = hv.streams.Params(state, ["fit", "top_genes"], watch_only=True)
        self._panel = card(
            HEAD,
            figure(hv.DynamicMap(self._heatmap, streams=[changed]), message=waiting(state)),
            tools=(progress(state), count),
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _heatmap(self, **_: object) -> hv.Image:
        fit = self.state.fit
        if fit is None:
            return correlation_heatmap(NOTHING)
        genes = summaries.programme_genes(fit, self.state.top_genes)
        return correlation_heatmap(clustered(summaries.clr_correlation(fit, genes)))
