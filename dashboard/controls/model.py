"""2 Model: which model, factors or topics, genes and priors: a line, and what changes them."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.asked import parameters
from dashboard.controls import lda, lnm
from dashboard.controls.form import WIDE, Later, beside, folded, step
from dashboard.controls.genes import GenesControl
from dashboard.controls.training import limits, sampling, training
from dashboard.state import AppState
from engine.registry import FAMILIES
from engine.validation import AUTO

TITLES: dict[str, Any] = {
    title: model
    for family in FAMILIES
    for model, (title, _) in zip(family.models, family.titles, strict=True)
}
# Of a way to fit that is not the usual one.
HOW = {"vae": "VAE", "nuts": "NUTS"}
MODEL_HELP = {
    model: told
    for family in FAMILIES
    for model, (_, told) in zip(family.models, family.titles, strict=True)
}
SETTINGS = "Settings of the model"
SAID = ("model", "n_factors", "n_topics", "factor_inference", "topic_inference", "genes", "scored")


class ModelControl(pn.viewable.Viewer):
    """The chosen model in one line, its settings, and ``more`` settings in collapsed sections.

    Settings of a model that is not chosen are hidden, and kept.
    """

    def __init__(self, state: AppState, *more: Any) -> None:
        super().__init__()
        self.state = state
        of = state.param
        self._parts: list[tuple[Later, Callable[[], bool]]] = []
        model = pmui.RadioButtonGroup.from_param(
            of.model, options=TITLES, label="", **WIDE | {"variant": "outlined"}
        )
        genes = GenesControl(state)
        said = html.bound(said_of, *(of[name] for name in SAID))
        settings = [
            model,
            html.pane(html.bound(lambda model: html.note(MODEL_HELP[model]), of.model)),
            self._part(lambda: self._has(lnm.SIZE), lambda: lnm.first(state)),
            self._part(lambda: self._has(lda.SIZE), lambda: lda.first(state)),
            beside(genes.kind, genes.count),
            genes.names.column,
            *more,
            self._part(lambda: self._has(lnm.SIZE), lambda: lnm.others(state, genes.reference)),
            self._part(lambda: self._has(lda.SIZE), lambda: lda.others(state)),
            self._part(lambda: state.by_vae, lambda: [training(state)]),
            self._part(lambda: state.by_nuts, lambda: [sampling(state)]),
            limits(state),
        ]
        self._panel = step(2, "Model", html.pane(said), folded(SETTINGS, *settings))
        state.param.watch(self._show, ["model", "topic_inference", "factor_inference"])
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _has(self, size: str) -> bool:
        """Whether the chosen model has this number of latents."""
        return size in parameters(self.state.model)

    def _part(self, wanted: Callable[[], bool], build: Callable[[], list[Any]]) -> pn.Column:
        part = Later(build)
        self._parts.append((part, wanted))
        return part.column

    def _show(self, *_events: object) -> None:
        for part, wanted in self._parts:
            part.show(wanted())


def said_of(
    model: str, factors: Any, topics: Any, by: str, topics_by: str, genes: Any, scored: bool
) -> str:
    """The chosen model in one line of HTML."""
    sizes = {lnm.SIZE: (factors, by), lda.SIZE: (topics, topics_by)}
    name = next(name for name in sizes if name in parameters(model))
    (size, how), latent = sizes[name], name.removeprefix("n_").removesuffix("s")
    many = f"{latent}s automatic" if size == AUTO else f"{size} {latent}{'s' * (size != 1)}"
    of = "all genes" if genes == "all" else f"{genes:,} genes" if isinstance(genes, int) else ""
    parts = [model.upper(), many, of or f"{len(genes):,} genes by name"]
    parts += [HOW[how]] if how in HOW else []
    parts += ["scored"] if scored else []
    return f'<p class="said">{escape(" · ".join(parts))}</p>'
