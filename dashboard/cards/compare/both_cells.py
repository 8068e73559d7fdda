"""The cells of two runs side by side, with one selection."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards import colouring
from dashboard.cards.card import Card, Place, same
from dashboard.cards.compare.compared import Beside, Compared
from dashboard.cards.compare.other_umap import Layout
from dashboard.cards.compare.tab_choices import CompareChoices
from dashboard.cards.explore.cell_map import cell_table, colour_choice, layout, mode_choice, mode_of
from dashboard.cards.frame import figure
from dashboard.cut import shorten
from dashboard.export import Export
from dashboard.lasso import inside
from dashboard.one_message import one_message
from dashboard.plots.cells import CellPlot
from dashboard.plots.colours import Colouring
from dashboard.plots.names import plain
from dashboard.state import CLR, COUNTS, AppState
from dashboard.templates import render

HEAD = html.heading(
    "Cells in both runs",
    "Draw around cells in either run: they are selected in both.",
    "UMAP of ẑ_c in A, and of ẑ′_c in B; of topics, of their log-ratios",
    "Cells are those of the same names; cells that one run held out are missing in it. Colours are "
    "those of the page: a label is the same in both, a chosen factor stands beside its match, each "
    "on a scale of its own. Two UMAPs of the same cells may be turned and mirrored: compare what "
    "lies together, not where. Distances between separate groups mean little.",
)
# Characters of a title that fit above half a card.
TITLE = 22
Inputs = tuple[Beside, str, int, str]


class ComparedCellsView(Card):
    """Two scatters of cells, their colour choice and legends; drawing in either selects cells."""

    tab, entry, place = "compare", "both cells", Place(1, 0)
    follows = (
        *("fit", "embedding", "colour", "factor", "names", "selected", "fit_counts"),
        *("compared.beside", "compared.survey", "choices.by", "choices.beside", "layout.xy"),
    )

    def __init__(
        self, compared: Compared, choices: CompareChoices, layout: Layout, browser: Browser
    ) -> None:
        state = compared.state
        self.begin(state)
        self.compared, self.choices, self.layout = compared, choices, layout
        self.plots = CellPlot(), CellPlot()
        self._placed: list[tuple[Any, Any]] = [(None, None), (None, None)]
        self._xy: list[np.ndarray] = [np.zeros((0, 2))] * 2
        self._titles: list[tuple[str, str]] = [("", "")] * 2
        self._painted: tuple[Any, ...] = ()
        self._mode = mode_choice()
        self._legend = html.pane(sizing_mode="stretch_height", width=124, css_classes=["key"])
        message = html.bound(html.empty, compared.param.said)
        for side, plot in enumerate(self.plots):
            plot.on_outline(one_message(lambda *drawn, side=side: self._outlined(side, *drawn)))
        self.build(
            HEAD,
            pn.Row(
                figure(*(plot.figure for plot in self.plots), message=message),
                self._legend,
                sizing_mode="stretch_both",
                margin=0,
            ),
            browser=browser,
            tools=(self._mode, colour_choice(state)),
        )

    def refresh(self, *events: object) -> None:
        beside = self.compared.shown
        if beside is not None:
            self._place(beside)
        super().refresh(*events)

    def inputs(self) -> Inputs | None:
        state, beside = self.state, self.compared.shown
        if beside is None:
            return None
        key = state.colour.replace(COUNTS, CLR, 1)
        place = beside.partner(self.choices.by, state.shown_factor, self.choices.beside)
        return beside, key, place, beside.other.names[place] if beside.other.names else ""

    def compute(self, beside: Beside, key: str, place: int, named: str) -> Colouring:
        return colouring.colouring(beside.other.fit, key, place, None, named)

    def is_quick(self, _beside: Beside, key: str, *_of: object) -> bool:
        # The CLR of a gene under topics takes all cells and genes.
        return not key.startswith(CLR)

    def clear(self) -> None:
        self._painted = ()
        self._legend.object = ""

    def _place(self, beside: Beside) -> None:
        known = self.state.embedding
        sides = (
            (beside.fit, known.xy if known is not None else None, list(self.state.names)),
            (beside.other.fit, self.layout.xy, beside.other.names),
        )
        for side, (fit, umap, names) in enumerate(sides):
            title = plain(apart(*self._names(beside))[side])
            if self.plots[side].figure.title.text != title:
                self.plots[side].figure.title.text = title
            if self._placed[side][0] is not fit or self._placed[side][1] is not umap:
                self._placed[side] = fit, umap
                self._xy[side], self._titles[side] = layout(fit, umap, names)
                self.plots[side].place(self._xy[side], fit.cells, self._titles[side])

    def paint(self, other: Colouring) -> None:
        state, beside = self.state, self.compared.shown
        if beside is None:
            return
        own = colouring.shown(state)
        painted = (*self._xy, own, other, state.selected)
        # An image of many cells is not drawn again if nothing changed.
        if same(painted, self._painted):
            return
        self._painted = painted
        self.plots[0].paint(own, state.selected)
        self.plots[1].paint(other, selected_there(beside, state.selected))
        self._legend.object = legends(own, other, state)

    def _outlined(self, side: int, geometry: dict[str, Any], keys: dict[str, bool]) -> None:
        beside = self.compared.beside
        if beside is None or beside.fit is not self.state.fit:
            return
        mask = inside(self._xy[side], geometry)
        if mask is None:
            return
        if side:
            mask = selected_here(beside, mask)
        self.state.select(mask, mode_of(self._mode.value, keys))

    def _names(self, beside: Beside) -> list[str]:
        runs = self.state.run, beside.run
        return [
            f"{side}: {self.compared.name_of(run)}" for side, run in zip("AB", runs, strict=True)
        ]

    def export(self) -> Export | None:
        if self._answer is None or self.compared.shown is None:
            return None
        (beside, *_), other = self._answer
        masks = self.state.selected, selected_there(beside, self.state.selected)
        fits, shown = (beside.fit, beside.other.fit), (colouring.shown(self.state), other)
        names = self._names(beside)
        xy, titles = list(self._xy), list(self._titles)

        def draw() -> Any:
            from dashboard import figures
            from dashboard.figures.compare_cells import Panel

            panels = [Panel(*parts) for parts in zip(names, xy, titles, shown, masks, strict=True)]
            return figures.compare_cells(panels)

        def table() -> pd.DataFrame:
            parts = {
                name: cell_table(fit.cells, *rest)
                for name, fit, *rest in zip(names, fits, xy, titles, shown, masks, strict=True)
            }
            return pd.concat(parts, names=["run"])

        return Export("cells in two runs", draw, table)


def selected_there(beside: Beside, selected: np.ndarray | None) -> np.ndarray | None:
    """Mask of the selected cells among those of the other run."""
    if selected is None:
        return None
    mask = np.zeros(len(beside.other.fit.cells), bool)
    mask[beside.there] = selected[beside.here]
    return mask


def selected_here(beside: Beside, mask: np.ndarray) -> np.ndarray:
    """Mask among the cells of the open run, from one of the other run."""
    selected = np.zeros(len(beside.fit.cells), bool)
    selected[beside.here] = mask[beside.there]
    return selected


def legends(own: Colouring, other: Colouring, state: AppState) -> str:
    """One legend where both runs have the same, else one of each."""
    first = html.legend(own, state.selected)
    if own.title == other.title and own.limits == other.limits:
        return first
    return render("pieces.legends", first, html.legend(other))


def apart(first: str, other: str) -> tuple[str, str]:
    """Titles "A: name" and "B: name" without the parts, split at " · ", that both begin with."""
    one, two = (name.partition(": ")[2].split(" · ") for name in (first, other))
    while len(one) > 1 and len(two) > 1 and one[0] == two[0]:
        one, two = one[1:], two[1:]
    sides = (first[:3], one), (other[:3], two)
    shown = [f"{side}{shorten(' · '.join(parts), TITLE)}" for side, parts in sides]
    return shown[0], shown[1]
