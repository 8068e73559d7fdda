"""2 Model: which model, how many factors or topics, which genes, which priors."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.controls import lda, lnm
from dashboard.controls.form import WIDE, beside, form, step
from dashboard.controls.genes import GenesControl
from dashboard.controls.training import limits, sampling, training
from dashboard.state import AppState

MODELS: dict[str, Any] = {"LNM": "lnm", "LNMVCP": "lnmvcp", "LDA": "lda"}
MODEL_HELP = {
    "lnm": "Logistic-normal multinomial; totals are negative binomial.",
    "lnmvcp": "LNM with a capture efficiency for each cell.",
    "lda": "Latent Dirichlet allocation: cells mix topics, each a distribution over genes.",
}


class ModelControl(pn.viewable.Viewer):
    """Settings of the fit; those of a model that is not chosen are hidden, and kept."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        of = state.param
        model = pmui.RadioButtonGroup.from_param(
            of.model, options=MODELS, label="", **WIDE | {"variant": "outlined"}
        )
        genes = GenesControl(state)
        factors, topics = _only(of, "lnm", "lnmvcp"), _only(of, "lda")
        vae = html.bound(lambda *_: state.by_vae, of.model, of.topic_inference, of.factor_inference)
        nuts = html.bound(lambda *_: state.by_nuts, of.model, of.factor_inference)
        self._panel = step(
            2,
            "Model",
            model,
            html.pane(html.bound(lambda model: html.note(MODEL_HELP[model]), of.model)),
            _part(factors, *lnm.first(state)),
            _part(topics, *lda.first(state)),
            beside(genes.kind, genes.count),
            genes.names,
            _part(factors, *lnm.others(state, genes.reference)),
            _part(topics, *lda.others(state)),
            _part(vae, training(state)),
            _part(nuts, sampling(state)),
            limits(state),
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel


def _only(of: Any, *models: str) -> Any:
    return html.bound(lambda model: model in models, of.model)


def _part(shown: Any, *rows: Any) -> pn.Column:
    part = form(*rows)
    part.param.update(visible=shown)
    return part
