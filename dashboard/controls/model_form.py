"""2 Model: the model, its factors or topics, genes and priors in one line, and their settings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import batched
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import formula_edits, html
from dashboard.controls.covariate_chips import CovariatesControl
from dashboard.controls.fields import setting
from dashboard.controls.form import WIDE, Later, beside, folded, step
from dashboard.controls.gene_settings import GenesControl
from dashboard.model_settings import PARAMETERS, parameters
from dashboard.state import AppState
from dashboard.templates import render
from engine.fitting.family import Family
from engine.fitting.settings import LIMITS, REFERENCE
from engine.registry import FAMILIES, MODELS

TITLES: dict[str, Any] = {
    title: model
    for family in FAMILIES
    for model, (title, _) in zip(family.models, family.titles, strict=True)
}
MODEL_HELP = {
    model: help_text
    for family in FAMILIES
    for model, (_, help_text) in zip(family.models, family.titles, strict=True)
}
SETTINGS = "Settings of the model"
SAID = ("genes", "scored", "split")


class ModelControl(pn.viewable.Viewer):
    """The chosen model in one line, its settings, and ``more`` settings in collapsed sections.

    Settings of other models are hidden, but keep their values.
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
        self._beside: dict[str, list[Any]] = {REFERENCE: [genes.reference]}
        said = html.bound(lambda *_: said_of(state), *(of[name] for name in (*PARAMETERS, *SAID)))
        unused = html.live(
            lambda *_: html.note(words) if (words := formula_edits.unused(state)) else "",
            *(of[name] for name in PARAMETERS),
        )
        settings = [
            model,
            html.pane(html.bound(lambda model: html.note(MODEL_HELP[model]), of.model)),
            *(self._section(family, "") for family in FAMILIES),
            beside(genes.kind, genes.count),
            genes.names.column,
            *more,
            *(self._section(family, title) for family in FAMILIES for title in _titles(family)),
        ]
        self._fold = folded(SETTINGS, *settings)
        self._panel = step(2, "Model", html.pane(said), unused, self._fold)
        state.param.watch(self._show, list(PARAMETERS))
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _section(self, family: Family, title: str) -> pn.Column:
        """Settings of a family: the main ones two by two, others in a collapsed section."""
        declared = family.config.settings()
        names = [name for name, one in declared.items() if one.section == title]
        wide = [name for name in names if declared[name].names_columns]

        def build() -> list[Any]:
            fields = [self._field(family, name) for name in names if name not in wide]
            if title:
                return [folded(title, *self._beside.get(title, ()), *fields)]
            rows = [beside(*two) if len(two) > 1 else two[0] for two in batched(fields, 2)]
            return [*rows, *(self._covariates(family, name) for name in wide)]

        def wanted() -> bool:
            if MODELS[self.state.model] is not family:
                return False
            return title in self._beside or any(name in self.state.in_use() for name in names)

        part = Later(build)
        self._parts.append((part, wanted))
        return part.column

    def _field(self, family: Family, name: str) -> Any:
        """The field of a setting, visible while the setting is in use."""
        state, own, one = self.state, parameters(family.models[0]), family.config.settings()[name]
        others = [own["inference"], *([own[one.needs[0]]] if one.needs else [])]
        in_use = html.bound(
            lambda model, *_: MODELS[model] is family and name in state.in_use(),
            *(state.param[other] for other in ("model", *others)),
        )
        return setting(state.param[own[name]], one, visible=in_use)

    def _covariates(self, family: Family, name: str) -> pn.Column:
        one, own = family.config.settings()[name], parameters(family.models[0])[name]
        part = Later(lambda: [CovariatesControl(self.state, own, one).column])
        self._parts.append((part, lambda: name in self.state.in_use()))
        return part.column

    def _show(self, *_events: object) -> None:
        for part, wanted in self._parts:
            part.show(wanted())
        if formula_edits.formula_of(self.state) and not self._fold.active:
            # Covariates may be set elsewhere on the page: open the section that shows them.
            self._fold.active = [0]


def _titles(family: Family) -> list[str]:
    """Collapsed sections in the order of their settings, limits last."""
    titles = dict.fromkeys(one.section for one in family.config.settings().values() if one.section)
    return sorted(titles, key=lambda title: title == LIMITS)


def said_of(state: AppState) -> str:
    """The chosen model in one line of HTML."""
    config, values, genes = MODELS[state.model].config, state.settings(), state.genes
    size, how = config.settings()[config.size_name()], config.settings()["inference"]
    number = values[size.name]
    many = f"{number} {config.latent}{'s' * (number != 1)}"
    many = f"{config.latent}s automatic" if number == size.default else many
    of = "all genes" if genes == "all" else f"{genes:,} genes" if isinstance(genes, int) else ""
    parts = [state.model.upper(), many, of or f"{len(genes):,} genes by name"]
    # The inference, unless it is the default.
    by = values["inference"]
    parts += [how.words.get(by, by)] if by != how.default else []
    parts += [formula] if (formula := formula_edits.formula_of(state)) else []
    parts += ["scored"] if state.scored else []
    parts += ["half of each count"] if state.split else []
    return render("pieces.said", " · ".join(parts))
