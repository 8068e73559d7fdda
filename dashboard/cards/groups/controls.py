"""Fields that choose the groups of cells, and the question where their labels come from."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.groups.tab_choices import (
    ELSEWHERE,
    HERE,
    NOBODY,
    REST,
    SELECTED,
    WORDS,
    Comparison,
    GroupChoices,
    named,
    options,
)
from dashboard.one_message import one_message
from dashboard.select import Select
from dashboard.state import AppState
from dashboard.templates import render
from engine.results import AnyFit
from engine.summaries import grouping_columns

EMPTY = {"none": ""}
FROM = {HERE: "these counts: clusters, marker genes", ELSEWHERE: "elsewhere: a treatment, a sort"}


class GroupControls:
    """Fields for label, groups and unit, and the button; ``row`` holds them."""

    def __init__(self, state: AppState, browser: Browser, choices: GroupChoices) -> None:
        self.state, self.choices = state, choices
        self._shown: dict[str, str] = {}
        small: dict[str, Any] = {"size": "small", "margin": 0, "options": EMPTY}
        self.label = Select(label="Label", width=140, **small)
        self.one = Select(label="A", width=150, **small)
        self.other = Select(label="B", width=150, **small)
        self.donor = Select(label="Unit", width=120, **small)
        self.external = pmui.Checkbox(
            label="label not from these counts", size="small", margin=0, disabled=True
        )
        self.button = pmui.Button(
            label="Compare", size="small", margin=0, on_click=one_message(self.ask)
        )
        for name in ("label", "one", "other", "donor"):
            getattr(self, name).param.watch(self._pick(name), "value")
        self.external.param.watch(self._tick, "value")
        browser.on("origin", self._answer)
        self.row = pn.Row(
            *(self.label, self.one, self.other, self.donor, self.external, self.button),
            sizing_mode="stretch_width",
            height=36,
            margin=(10, 0, 0, 0),
            css_classes=["pair-top"],
            stylesheets=[html.STYLES],
        )

    @property
    def able(self) -> bool:
        """Whether groups can be compared under the shown fit."""
        fit = self.state.fit
        return fit is not None and fit.can("differences") and self.state.fit_counts is not None

    def offer(self) -> None:
        """Update the fields from the fit and the selection."""
        fit, choices, able = self.state.fit, self.choices, self.able
        known = list(grouping_columns(fit)) if able and fit is not None else []
        selected = able and self.state.selected is not None
        labels = options(known, last=[SELECTED] * selected) or EMPTY
        label = _offered_key(choices.label, labels)
        column = named(label)
        levels = [] if column is None or fit is None else _levels(fit.obs[column])
        ones = options(levels) or {WORDS.get(label, "none"): label}
        one = _offered_key(choices.one, ones)
        others = options((level for level in levels if level != named(one)), first=[REST])
        units = options((name for name in known if name != column), first=[NOBODY])
        donor = _offered_key(choices.donor or self._unit(units), units)
        self._fill("label", labels, label, able=labels is not EMPTY)
        self._fill("one", ones, one, able=len(ones) > 1)
        self._fill("other", others, _offered_key(choices.other, others), able=len(others) > 1)
        self._fill("donor", units, donor, able=len(units) > 1)
        external = column is not None and choices.origins.get(column, False)
        self.external.param.update(value=external, disabled=column is None)
        self.button.disabled = labels is EMPTY

    def _fill(self, name: str, offered: dict[str, str], key: str, *, able: bool) -> None:
        self._shown[name] = key
        getattr(self, name).param.update(options=offered, value=key, disabled=not able)

    def _unit(self, units: dict[str, str]) -> str:
        """Key of the unit: a column with a random effect in the fit, else cells."""
        fit = self.state.fit
        own = () if fit is None else fit.groupings
        return next((key for key in units.values() if named(key) in own), NOBODY)

    def ask(self, _event: object = None) -> None:
        """Request the comparison, once it is known where the labels come from."""
        fit, label = self.state.fit, named(self.label.value)
        if fit is None:
            return
        led_by = self._led_by(fit, label)
        unknown = [name for name in led_by or () if name not in self.choices.origins]
        if unknown:
            self.choices.param.update(question=unknown[0], comparison=None)
            return
        honest = led_by is not None and all(self.choices.origins[name] for name in led_by)
        selected = self.state.selected if label is None else None
        one, other, donor = (named(field.value) for field in (self.one, self.other, self.donor))
        comparison = Comparison(fit, label, one, other, donor, honest, selected)
        self.choices.param.update(question="", comparison=comparison, both=())

    def question(self) -> str:
        """HTML of the question where a label comes from; empty if none is asked."""
        label = self.choices.question
        offers = [(json.dumps([label, origin]), words) for origin, words in FROM.items()]
        return render("details.origin", label, offers) if label else ""

    def _led_by(self, fit: AnyFit, label: str | None) -> tuple[str, ...] | None:
        """Labels that led to the groups; None if the fitted counts did, or if it is not known.

        If counts are split, cells drawn on a map of one half are compared in the other.
        """
        if label is not None:
            return (label,)
        led_by: tuple[str, ...] | None = self.state.led_by
        return led_by if fit.data.get("split") else None

    def _pick(self, name: str) -> Any:
        @one_message
        def picked(event: Any) -> None:
            # A value that the page itself set is not a choice.
            if event.new and event.new != self._shown.get(name):
                self.choices.param.update({name: event.new, "question": ""})
                self.offer()

        return picked

    @one_message
    def _tick(self, event: Any) -> None:
        label = named(self.label.value)
        if label is not None and event.new != self.choices.origins.get(label, False):
            self.choices.origins = self.choices.origins | {label: event.new}

    def _answer(self, text: str) -> None:
        label = self.choices.question
        self.choices.answer(text)
        if label in self.choices.origins:
            self.offer()
            self.ask()


def _levels(column: pd.Series) -> list[str]:
    return [str(level) for level in pd.unique(column.dropna().astype(str))]


def _offered_key(key: str, offered: dict[str, str]) -> str:
    """The key if it is still offered, else the first."""
    return key if key in offered.values() else next(iter(offered.values()))
