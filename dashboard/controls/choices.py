"""What has to be, or can be, chosen before a source is read: a sample, a genome, a type."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui
import param

from dashboard.controls.form import form, select
from dashboard.state import AppState
from engine.data.choices import ASKED, Offer

HELP = {
    "sample": "Which of the samples of the folder.",
    "genome": "Genes of one genome alone.",
    "feature_type": "Which features are read; a modality of an .h5mu.",
    "cells_in": "Which way the table lies.",
}
ROUND = "round"


class ChoiceControls:
    """A control for each choice that the source offers; the others are hidden."""

    def __init__(self, state: AppState) -> None:
        self.state = state
        self._selects = {name: select(ASKED[name][1], words) for name, words in HELP.items()}
        self._round = pmui.Switch(label=ASKED[ROUND][1], size="small", margin=0)
        self._offering = False
        for control in (*self._selects.values(), self._round):
            control.param.watch(self._choose, "value")
        self.column = form(*self._selects.values(), self._round)
        state.param.watch(self._offer, ["offers", *ASKED])
        self._offer()

    def _offer(self, *_events: param.parameterized.Event) -> None:
        state, offers = self.state, {offer.name: offer for offer in self.state.offers}
        self._offering = True
        try:
            for name, control in self._selects.items():
                if (offer := offers.get(name)) is not None:
                    control.param.update(**_options(offer, getattr(state, name)))
                control.visible = offer is not None
            self._round.param.update(visible=ROUND in offers, value=state.round)
        finally:
            self._offering = False
        self.column.visible = bool(offers)

    def _choose(self, *_events: object) -> None:
        if self._offering:
            return
        offered = {offer.name for offer in self.state.offers}
        chosen: dict[str, Any] = {
            name: control.value or None
            for name, control in self._selects.items()
            if name in offered
        }
        if ROUND in offered:
            chosen[ROUND] = bool(self._round.value)
        if any(getattr(self.state, name) != value for name, value in chosen.items()):
            self.state.param.update(**chosen)


def _options(offer: Offer, chosen: str | None) -> dict[str, Any]:
    """Options of a select; none is what the program takes by itself, if it does."""
    own = f"automatic ({offer.chosen})" if offer.chosen and chosen is None else "automatic"
    found = {own: ""} | {option: option for option in offer.options}
    held = {option.casefold(): option for option in offer.options}
    return {"options": found, "value": held.get((chosen or "").casefold(), "")}
