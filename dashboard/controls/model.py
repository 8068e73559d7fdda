"""2 Model: which model, how many factors or topics, which genes, which priors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.asked import parameters
from dashboard.controls import lda, lnm
from dashboard.controls.form import WIDE, Later, beside, step
from dashboard.controls.genes import GenesControl
from dashboard.controls.training import limits, sampling, training
from dashboard.state import AppState
from engine.registry import FAMILIES

TITLES: dict[str, Any] = {
    title: model
    for family in FAMILIES
    for model, (title, _) in zip(family.models, family.titles, strict=True)
}
MODEL_HELP = {
    model: told
    for family in FAMILIES
    for model, (_, told) in zip(family.models, family.titles, strict=True)
}


class ModelControl(pn.viewable.Viewer):
    """Settings of the fit; those of a model that is not chosen are hidden, and kept."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        of = state.param
        self._parts: list[tuple[Later, Callable[[], bool]]] = []
        model = pmui.RadioButtonGroup.from_param(
            of.model, options=TITLES, label="", **WIDE | {"variant": "outlined"}
        )
        genes = GenesControl(state)
        self._panel = step(
            2,
            "Model",
            model,
            html.pane(html.bound(lambda model: html.note(MODEL_HELP[model]), of.model)),
            self._part(lambda: self._has(lnm.SIZE), lambda: lnm.first(state)),
            self._part(lambda: self._has(lda.SIZE), lambda: lda.first(state)),
            beside(genes.kind, genes.count),
            genes.names.column,
            self._part(lambda: self._has(lnm.SIZE), lambda: lnm.others(state, genes.reference)),
            self._part(lambda: self._has(lda.SIZE), lambda: lda.others(state)),
            self._part(lambda: state.by_vae, lambda: [training(state)]),
            self._part(lambda: state.by_nuts, lambda: [sampling(state)]),
            limits(state),
        )
        state.param.watch(self._show, ["model", "topic_inference", "factor_inference"])
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _has(self, size: str) -> bool:
        """Whether the model that is asked for has this number of latents."""
        return size in parameters(self.state.model)

    def _part(self, wanted: Callable[[], bool], build: Callable[[], list[Any]]) -> pn.Column:
        part = Later(build)
        self._parts.append((part, wanted))
        return part.column

    def _show(self, *_events: object) -> None:
        for part, wanted in self._parts:
            part.show(wanted())
