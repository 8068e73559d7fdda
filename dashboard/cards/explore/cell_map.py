"""The cells: UMAP of the factor scores, or the first two factors until it is ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.bare import TITLES, by_counts, is_bare
from dashboard.browser import Browser
from dashboard.cards import colouring
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure, waiting
from dashboard.cards.wording import heading
from dashboard.export import Export
from dashboard.lasso import inside
from dashboard.one_message import one_message
from dashboard.plots.cells import CellPlot
from dashboard.plots.colours import Colouring
from dashboard.select import Select
from dashboard.state import FACTOR, FACTOR_SD, LABEL, AppState, default_colour
from engine import summaries
from engine.results import AnyFit

HEAD = html.heading(
    "Cells",
    "Cells with similar factor scores lie close together. Draw around some to select them.",
    "UMAP of ẑ_c, the posterior mode of the factor scores z_c ~ N(0, I).",
    "Distances between separate groups and the density of points mean little in a UMAP. "
    "Scores are known up to rotation; they are shown on the principal axes of the CLR loadings. "
    "Of more than 5,000 cells an image is drawn: mean colours, denser where more cells are. "
    "While drawing, shift adds to the selected cells and alt removes from them, as do + and −.",
)
TOPICS = html.heading(
    "Cells",
    "Cells with similar topics lie close together. Draw around some to select them.",
    "UMAP of clr(θ_c + 1 / (10 K)), θ_c the proportions of the K topics in a cell",
    "Log-ratios, because proportions that add up to one hold each other down; raised a little, "
    "because the smallest ones are hardly known. Distances between separate groups and the density "
    "of points mean little in a UMAP. Of more than 5,000 cells an image is drawn: mean colours, "
    "denser where more cells are. While drawing, shift adds to the selected cells and alt removes "
    "from them, as do + and −.",
)
BARE_CAPTION = "One point a cell: how many counts it has, and how likely they are under the fit."
BARE = "No factors to lie close by: total counts to the right, more likely counts up."
PLACED = ("fit", "embedding")
PAINTED = ("colour", "factor", "names", "selected", "fit_counts")
MODES: dict[str, Any] = {"new": "replace", "+": "add", "\N{MINUS SIGN}": "subtract"}

TIGHT = {"& .MuiToggleButton-root, & .MuiButton-root": {"padding": "4px 8px", "minWidth": 0}}


class CellsView(Card):
    """Scatter of the cells, its colour choice and its legend; drawing selects cells."""

    tab, entry, place = "explore", "cells", Place(0, 0)
    title = "Cells"
    caption = (
        "One point a cell. Distances between separate groups, and the density of points, mean "
        "little in a UMAP."
    )
    follows = (*PLACED, *PAINTED)
    behind = True

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        self.plot = CellPlot()
        self._fit: AnyFit | None = None
        self._xy = np.zeros((0, 2))
        self._titles = ("", "")
        self._colour = colour_choice(state)
        self._mode = mode_choice()
        self._legend = html.pane(
            sizing_mode="stretch_height", width=140, css_classes=html.shown(False, "key")
        )
        self.plot.on_outline(self._outlined)
        self.build(
            heading(state, HEAD, TOPICS, BARE),
            pn.Row(
                figure(self.plot.figure, message=waiting(state)),
                self._legend,
                sizing_mode="stretch_both",
                margin=0,
            ),
            browser=browser,
            tools=(self._mode, self._colour),
        )

    @classmethod
    def caption_of(cls, fit: AnyFit | None) -> str:
        return BARE_CAPTION if is_bare(fit) else super().caption_of(fit)

    def refresh(self, *events: param.parameterized.Event) -> None:
        state = self.state
        if state.fit is None:
            self._fit = None
            self._legend.css_classes = html.shown(False, "key")
            return
        changed = {event.name for event in events}
        if self._fit is None or changed & set(PLACED):
            self._place(state.fit)
        elif changed <= {"factor", "names"} and state.colour not in (FACTOR, FACTOR_SD):
            return
        shown = colouring.shown(state)
        self.plot.paint(shown, state.selected)
        legend = html.legend(shown, state.selected)
        self._legend.param.update(object=legend, css_classes=html.shown(True, "key"))

    def _place(self, fit: AnyFit) -> None:
        known = self.state.embedding
        xy, titles = layout(fit, known.xy if known is not None else None, self.state.names)
        if self._fit is None or xy is not self._xy:
            self.plot.place(xy, fit.cells, titles)
        self._fit, self._xy, self._titles = fit, xy, titles

    @one_message
    def _outlined(self, geometry: dict[str, Any], keys: dict[str, bool]) -> None:
        if self._fit is None or (mask := inside(self._xy, geometry)) is None:
            return
        colour = self.state.colour
        led_by = (colour.removeprefix(LABEL),) if colour.startswith(LABEL) else ()
        self.state.select(mask, mode_of(self._mode.value, keys), led_by=led_by)

    def export(self) -> Export | None:
        state = self.state
        if state.fit is None:
            return None
        return _make_export(
            state.fit, self._xy, self._titles, colouring.shown(state), state.selected
        )

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export:
        """Coloured by the default label, if there is one, else by the first factor."""
        shown = colouring.colouring(fit, default_colour(fit), 0)
        return _make_export(fit, *layout(fit, xy, fit.factor_names), shown)


def _make_export(
    fit: AnyFit,
    xy: np.ndarray,
    titles: tuple[str, str],
    shown: Colouring,
    selected: np.ndarray | None = None,
) -> Export:
    def draw() -> Any:
        from dashboard import figures

        return figures.cells(xy, shown, titles=titles, selected=selected)

    return Export("cells", draw, lambda: cell_table(fit.cells, xy, titles, shown, selected))


def colour_choice(state: AppState) -> Select:
    """A select for the colouring of the cells in all views."""
    choice = Select(label="Colour by", options=state.colours(), size="small", width=150, margin=0)

    @one_message
    def pick(event: param.parameterized.Event) -> None:
        if state.fit is not None and event.new is not None:
            own = event.new if event.new.startswith(LABEL) else ""
            # An update of the options is not a choice.
            own = own if event.new != state.colour else state.own_label
            state.param.update(colour=event.new, own_label=own)

    def offer(*_events: object) -> None:
        if state.fit is None:
            return
        options = state.colours()
        if state.colour not in options.values():
            # The shown colouring is offered even if it is no longer among the options.
            options[colouring.shown(state).title] = state.colour
        choice.param.update(options=options, value=state.colour)

    choice.param.watch(pick, "value")
    state.param.watch(offer, ["fit", "marked", "pair", "fit_counts", "colour"])
    offer()
    return choice


def mode_choice() -> pmui.RadioButtonGroup:
    """Buttons for the effect of drawing: replace, add to or subtract from the selection."""
    return pmui.RadioButtonGroup(
        options=MODES,
        value="replace",
        variant="outlined",
        description="What drawing does: select anew, add, remove",
        size="small",
        margin=0,
        sx=TIGHT,
    )


def mode_of(mode: Any, keys: dict[str, bool]) -> Any:
    """The effect of drawing: the chosen one, unless Shift or Alt is held."""
    if keys.get("shift") or keys.get("alt"):
        return "add" if keys.get("shift") else "subtract"
    return mode


def layout(
    fit: AnyFit, umap: np.ndarray | None, names: Sequence[str]
) -> tuple[np.ndarray, tuple[str, str]]:
    """(C, 2) coordinates of the cells and their titles: the UMAP, else the first two factors.

    Without factors: total counts, and how likely the counts are.
    """
    if is_bare(fit):
        return by_counts(fit), TITLES
    if umap is not None and len(umap) == len(fit.cells):
        return umap, ("UMAP 1", "UMAP 2")
    second = min(1, fit.n_factors - 1)
    first, other = (colouring.score_title(fit, names[j]) for j in (0, second))
    return summaries.scores(fit)[:, [0, second]], (first, other)


def cell_table(
    names: pd.Index,
    xy: np.ndarray,
    titles: tuple[str, str],
    shown: Colouring,
    selected: np.ndarray | None,
) -> pd.DataFrame:
    """Table of a scatter of cells, one row for each cell."""
    table = pd.DataFrame(xy, index=names.rename("cell"), columns=list(titles))
    table[shown.title] = shown.words() if shown.limits is None else shown.values
    if selected is not None:
        table["selected"] = selected
    return table


def spreads(titles: tuple[str, str], sd: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of a `cell_table` with the lengths of error bars; NaN for cells without one."""
    return {f"{title}, sd": own for title, own in zip(titles, sd.T, strict=True)}
