"""Covariates of the next fit: a chip for each, a menu that adds one, and their formula."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import panel as pn
import param

from dashboard import formula_edits, html
from dashboard.controls.export_menu import in_background
from dashboard.controls.fields import setting
from dashboard.controls.form import form, select
from dashboard.one_message import one_message
from dashboard.state import AppState, Notice
from dashboard.templates import render
from engine.covariate_offers import Offer, read_formula, refusals, slopeless
from engine.data import Counts
from engine.errors import EngineError
from engine.fitting.settings import Setting
from engine.text import count

# What the menu shows while nothing is added.
ADD = "choose a column of the cells"
AS_WRITTEN = "Chips cannot show this formula. It is fitted as it is written."
LONGEST_WHY = 60
Wrong = Mapping[str, EngineError]
# A random column and a fixed one.
Pairs = Collection[tuple[str, str]]


class CovariatesControl(param.Parameterized):
    """Chips and formula of the covariates, in step with each other.

    A thread works out which covariates the open counts offer and which they refuse.
    """

    offers: Any = param.Parameter(default=(), doc="The `Offer` of each column.")
    wrong: Any = param.Parameter(default={}, doc="By column, why the counts cannot carry it.")
    slopeless: Any = param.Parameter(default=frozenset(), doc="Pairs that allow no random slope.")

    def __init__(self, state: AppState, name: str, one: Setting) -> None:
        super().__init__()
        self.state = state
        self._formula = name
        self._request: tuple[object, object] = (None, None)
        of = state.param
        self.menu = select(
            "Add a covariate",
            "Factors are then within its levels",
            {ADD: ""},
            disabled=html.bound(lambda counts: counts is None, of.counts),
        )
        self.menu.param.watch(self._add, "value")
        self.field = setting(of[name], one, label="As a formula")
        shown = of[name], self.param.offers, self.param.wrong
        chips = html.live(_chips, *shown, self.param.slopeless)
        self.column = form(self.menu, chips, html.live(_formula_remarks, *shown), self.field)
        state.param.watch(self._offer, "counts")
        state.param.watch(self._check, ["counts", name])
        self._offer()
        self._check()

    def _add(self, event: param.parameterized.Event) -> None:
        if event.new:
            formula_edits.add(self.state, event.new)
            self.menu.value = ""

    def _offer(self, *_events: object) -> None:
        counts = self.state.counts
        if counts is None:
            self._offered(None, [])
        else:
            self._in_thread(
                lambda: list(formula_edits.offered(counts).values()),
                lambda offers: self._offered(counts, offers),
            )

    def _offered(self, counts: Counts | None, offers: list[Offer]) -> None:
        if counts is not self.state.counts:
            return
        words = {ADD: ""} | {_words(one): one.name for one in offers}
        refused = [one.name for one in offers if one.refused]
        self.menu.param.update(options=words, value="", disabled_options=refused)
        self.offers = offers

    def _check(self, *_events: object) -> None:
        counts, formula = request = self.state.counts, getattr(self.state, self._formula)
        self._request = request
        if counts is None or not formula:
            self.param.update(wrong={}, slopeless=frozenset())
        else:
            self._in_thread(
                lambda: (refusals(formula, counts.obs), slopeless(formula, counts.obs)),
                lambda results: self._checked(request, *results),
            )

    def _in_thread(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run work in a thread; without a page, run it at once."""
        if pn.state.curdoc is None:
            then(work())
        else:
            in_background(work, one_message(then), self._failed)

    def _failed(self, error: Exception) -> None:
        self.state.run_error = Notice.of(error)

    def _checked(self, request: tuple[object, object], wrong: Wrong, without: Pairs) -> None:
        if request is self._request:
            self.param.update(wrong=wrong, slopeless=without)


def _words(one: Offer) -> str:
    if one.refused is None:
        return f"{one.name} · {', '.join(filter(None, (_type_words(one), _left_out_words(one))))}"
    why = one.why
    why = why if len(why) <= LONGEST_WHY else f"{why[: LONGEST_WHY - 1]}…"
    return f"{one.name} · no: {why}"


def _type_words(one: Offer | None) -> str:
    """The detected type of a column, in words."""
    if one is None or one.refused is not None:
        return ""
    if not one.levels:
        return "number"
    whole = all(map(str.isdecimal, one.levels))
    return f"{len(one.levels)} levels{' (whole numbers)' if whole else ''}"


def _left_out_words(one: Offer | None) -> str:
    """How many cells a fit leaves out because they lack the column."""
    if one is None or not one.missing:
        return ""
    return f"{count(one.missing, 'cell')} without it {'is' if one.missing == 1 else 'are'} left out"


def _chips(formula: str | None, offers: Iterable[Offer], wrong: Wrong, without: Pairs = ()) -> str:
    chips = read_formula(formula)
    if not chips:
        return ""
    known = {one.name: one for one in offers}
    fixed = [one.name for one in chips if not one.random]
    items = []
    for one in chips:
        offer = known.get(one.name)
        levels = offer.levels if offer is not None else ()
        error = wrong.get(one.name)
        items.append(
            {
                "name": one.name,
                "what": _type_words(offer),
                "left": _left_out_words(offer),
                "levels": _levels(levels, one.random),
                "kind": "random" if one.random else "fixed",
                "turn": "Make it fixed." if one.random else "Make it random, as donors are.",
                # Numbers have no levels that could have random effects.
                "turns": one.random or bool(levels) or offer is None,
                "slopes": [
                    (json.dumps([one.name, name]), name, name in one.slopes)
                    for name in fixed
                    # A slope in the formula is shown, so that it can be removed.
                    if name in one.slopes or (one.name, name) not in without
                ]
                if one.random
                else [],
                "wrong": error and Notice.of(error),
            }
        )
    return render("covariates.chips", items)


def _levels(levels: tuple[str, ...], random: bool) -> str:
    some = ", ".join(levels[:10]) + (" …" if len(levels) > 10 else "")
    return some if random or not levels else f"{some}; compared with {levels[0]}"


def _formula_remarks(formula: str | None, _offers: object, wrong: Wrong) -> str:
    """HTML of the remark and the error that concern the whole formula."""
    chips = read_formula(formula)
    shown = {one.name for one in chips or ()}
    error = next((Notice.of(error) for name, error in wrong.items() if name not in shown), None)
    words = AS_WRITTEN if chips is None and "" not in wrong else ""
    return render("covariates.whole", words, error) if words or error else ""
