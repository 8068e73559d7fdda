"""Choices that a source needs or offers before it is read: sample, genome, feature type."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui
import param

from dashboard.controls.form import form, select
from dashboard.select import Select
from dashboard.state import AppState
from engine.data.choices import OPTIONS, Offer

HELP = {
    "sample": "Which of the samples of the folder.",
    "genome": "Genes of one genome alone.",
    "feature_type": "Which features are read; a modality of an .h5mu.",
    "cells_in": "Which way the table lies.",
}
ROUND = "round"


class ChoiceControls:
    """A control for each choice that the source offers."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self._selects: dict[str, Select] = {}
        self._round = pmui.Switch(label=OPTIONS[ROUND][1], size="small", margin=0)
        self._round.param.watch(self._choose, "value")
        self._offering = False
        self.column = form()
        state.param.watch(self._offer, ["offers", *OPTIONS])
        self._offer()

    def _offer(self, *_events: param.parameterized.Event) -> None:
        state, offers = self.state, {offer.name: offer for offer in self.state.offers}
        self._offering = True
        try:
            for name in HELP:
                if name not in offers:
                    self._selects.pop(name, None)
                    continue
                needed = state.data_error is not None
                look = _options(offers[name], getattr(state, name), needed=needed)
                self._update(name, look)
            self._round.value = state.round
            controls: list[Any] = [self._selects[name] for name in HELP if name in offers]
            controls += [self._round] if ROUND in offers else []
            if controls != list(self.column):
                self.column[:] = controls
            self.column.visible = bool(controls)
        finally:
            self._offering = False

    def _update(self, name: str, look: dict[str, Any]) -> None:
        known = self._selects.get(name)
        # The browser does not update the words of an option that stays chosen: a new control does.
        if known is None or (
            look["value"] == known.value == "" and known.options != look["options"]
        ):
            made = select(OPTIONS[name][1], HELP[name], **look)
            made.param.watch(self._choose, "value")
            self._selects[name] = made
        else:
            known.param.update(**look)

    def _choose(self, *_events: object) -> None:
        if self._offering:
            return
        chosen: dict[str, Any] = {n: box.value or None for n, box in self._selects.items()}
        if any(offer.name == ROUND for offer in self.state.offers):
            chosen[ROUND] = bool(self._round.value)
        if any(getattr(self.state, name) != value for name, value in chosen.items()):
            self.state.param.update(**chosen)


def _options(offer: Offer, current: str | None, *, needed: bool) -> dict[str, Any]:
    """Options of a select; the empty one lets the program choose, if it can."""
    own = f"automatic ({offer.chosen})" if offer.chosen and current is None else "automatic"
    own = "choose one" if needed and current is None else own
    options = {own: ""} | {option: option for option in offer.options}
    held = {option.casefold(): option for option in offer.options}
    return {"options": options, "value": held.get((current or "").casefold(), "")}
