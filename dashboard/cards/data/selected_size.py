"""Why the fit that is shown has its number of factors or topics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import panel as pn

from dashboard import html, size_selection
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import card, figure
from dashboard.cards.wording import heading
from dashboard.export import Export
from dashboard.plots.sweep_curve import SweepPlot
from dashboard.state import AppState
from engine.results import AnyFit, Selection, selection_of

HOW = (
    "Chosen from the counts. Where several numbers were tried, low is good, and the band marks the "
    "number of the open run."
)
FORMULA = (
    "Σ_c (ℓ*_c − ℓ_c) / Σ_c v_c, ℓ_c = Σ_g v_cg log E[ρ_cg | first half], v the second half of the "
    "counts of a held-out cell, ℓ* that of the best number; ± its standard error over cells, paired"
)
CAVEAT = (
    "Chosen is the smallest number that is worse than the best by no more than one standard error"
    "{}. It is what these counts can tell, not what is true: more cells tell of more. To fit "
    "another number, type it under Model."
)
FACTORS = html.heading(
    "Number of factors",
    HOW,
    FORMULA,
    CAVEAT.format(" and beyond which genes do not vary together more than chance makes them"),
)
TOPICS = html.heading("Number of topics", HOW, FORMULA, CAVEAT.format(""))
HEIGHT = 290


class NumberView(Card):
    """The curve and its table; hidden if a person gave the number."""

    tab, entry, place = "data", size_selection.NAME, Place(1)
    follows = ("fit", "brought", "status")
    behind = True

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        self.plot = SweepPlot()
        self._of: AnyFit | None = None
        self._words = html.pane(sizing_mode="stretch_both", css_classes=["scroll"])
        figures = figure(self.plot.figure, self._words, message="")
        row: Any = figures[0]
        self._curve = row[0]
        self._curve.stylesheets = [html.STYLES]
        self._card = card(
            heading(state, FACTORS, TOPICS),
            figures,
            tools=(self.menu(browser),),
            sizing_mode="stretch_width",
            height=HEIGHT,
        )
        self._panel = pn.Column(
            sizing_mode="stretch_width",
            margin=0,
            css_classes=html.shown(False),
            stylesheets=[html.STYLES],
        )
        self.follow()

    @classmethod
    def caption_of(cls, fit: AnyFit | None) -> str:
        selection = selection_of(fit) if fit is not None else None
        return size_selection.caption(selection) if selection is not None else ""

    def refresh(self, *_events: object) -> None:
        fit = self.state.fit
        selection = None if fit is None else selection_of(fit)
        if fit is not None and selection is not None:
            if fit is not self._of:
                self._show(fit, selection)
            self._words.object = size_selection.page(fit, selection, _other_counts(self.state))
        wanted = [] if selection is None else [self._card]
        if list(self._panel) != wanted:
            self._panel.param.update(objects=wanted, css_classes=html.shown(bool(wanted)))

    def _show(self, fit: AnyFit, result: Selection) -> None:
        self._of = fit
        parameter = size_selection.latents(fit)
        tried = size_selection.table(result)
        self.plot.show(tried, "behind", parameter=parameter, suggested=result.size)
        # One number makes no curve.
        self._curve.css_classes = html.shown(len(tried) > 1)

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export | None:
        return size_selection.export(fit)

    def export(self) -> Export | None:
        return size_selection.export(self.state.fit)


def _other_counts(state: AppState) -> str:
    """Which run the card is of, where the tab shows counts that this run was not fitted to."""
    status = state.status
    if status is None or state.summary is None or state.brought == status.id:
        return ""
    source = Path(str(status.request.get("source", ""))).name or "other counts"
    return f"Of the open run {status.name}, which was fitted to {source}; not of the counts above."
