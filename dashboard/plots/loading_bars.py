"""Loadings of one factor as bars, as many as there is room for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool

from dashboard.gene_ids import full
from dashboard.plots.latent_words import FIRST, Words
from dashboard.plots.loadings import strongest
from dashboard.plots.names import NamedAxis, blank, extent, in_view, plain
from dashboard.plots.style import ACCENT, MISSING, NEGATIVE, POSITIVE

HEIGHT = 160
# Pixels that the name of a bar needs, and the most bars however high the plot is.
ROOM, MOST = 13, 50


class LoadingBars:
    """Signed bars of the strongest genes, the largest at the top; ``figure`` is drawn once.

    ``ids`` of the genes are shown on hovering.
    """

    def __init__(self) -> None:
        self.figure = blank(left=78, bottom=4, height=HEIGHT)
        self.figure.toolbar_location = None
        self.figure.xaxis[0].ticker.desired_num_ticks = 4
        self.figure.xgrid.visible = True
        self.figure.xgrid.grid_line_color = MISSING
        self.figure.xgrid.grid_line_alpha = 0.25
        self.rows = NamedAxis(self.figure, "y", room=10)
        self._loadings = pd.Series(dtype=float)
        self._weights: pd.Series | None = None
        self._words = Words("", "", "")
        self._intervals: pd.DataFrame | None = None
        self._marked: tuple[str, ...] = ()
        self.ids: Mapping[str, str] = {}
        self._room = 20
        self._bars = ColumnDataSource({"y": [], "loading": [], "gene": [], "colour": []})
        self._bands = ColumnDataSource({"y": [], "loading": []})
        bars = self.figure.hbar(
            "y", 0.72, "loading", source=self._bars, fill_color="colour", line_color=None
        )
        self.figure.hbar(
            "y",
            0.9,
            "loading",
            source=self._bands,
            fill_color=None,
            line_color=ACCENT,
            line_width=2,
        )
        self._errors = ColumnDataSource({"y": [], "low": [], "high": []})
        self.figure.segment("low", "y", "high", "y", source=self._errors, line_color=MISSING)
        self.figure.vspan(x=0, line_color=MISSING)
        self._hover = HoverTool(renderers=[bars])
        self.figure.add_tools(self._hover)
        self._say(FIRST)
        self.figure.on_change("inner_height", lambda _name, _old, new: self.fit_into(new))

    def _say(self, words: Words) -> None:
        if words is self._words:
            return
        self._words = words
        self.figure.xaxis.axis_label = f"{words.loading} ({words.unit})"

    @property
    def drawn(self) -> pd.Series:
        """The loadings that are drawn, from the top."""
        return strongest(self._loadings, self._weights, self._room)

    def show(
        self,
        loadings: pd.Series,
        title: str,
        words: Words = FIRST,
        weights: pd.Series | None = None,
        ends: pd.DataFrame | None = None,
    ) -> None:
        """Draw the strongest of the loadings by gene; those marked before stay marked.

        Parameters
        ----------
        weights
            Genes with the largest are drawn; None: those with the largest and smallest loadings.
        ends
            ``low`` and ``high``, the 90 % interval of each loading by gene, and ``lfsr``, its local
            false sign rate, if they are known.
        """
        self._say(words)
        self._loadings, self._weights, self._intervals = loadings, weights, ends
        self.figure.title.text = plain(title)
        self._redraw()

    def fit_into(self, height: int | None) -> None:
        """Draw as many bars as have room for their names in a height, pixels."""
        room = min(max((height or 0) // ROOM, 4), MOST)
        if room != self._room:
            self._room = room
            self._redraw()

    def mark(self, marked: Sequence[str]) -> None:
        """Mark genes."""
        self._marked = tuple(marked)
        positions = self.rows.mark(self._marked)
        values = self._bars.data["loading"]
        self._bands.data = {
            "y": [position + 0.5 for position in positions],
            "loading": [values[position] for position in positions],
        }

    def on_gene(self, action: Callable[[str], None]) -> None:
        """Call ``action(gene)`` when a bar, or the label of one, is clicked."""

        def tapped(event: Any) -> None:
            if in_view(self.figure, event.x, event.y):
                name = self.rows.at(event.y)
                if name is not None:
                    action(name)

        self.figure.on_event("tap", tapped)
        self.rows.on_click(action)

    def _redraw(self) -> None:
        shown = self.drawn.iloc[::-1]
        values = shown.to_numpy(dtype=float)
        self.rows.show(list(shown.index))
        data: dict[str, Any] = {
            "y": np.arange(len(shown)) + 0.5,
            "loading": values,
            "gene": [full(name, self.ids) for name in self.rows.names],
            "colour": np.where(values >= 0, POSITIVE, NEGATIVE).tolist(),
        }
        tooltips = [("gene", "@gene"), (self._words.loading, "@loading{0.000}")]
        ends = np.zeros((0, 2))
        if self._intervals is not None:
            known = self._intervals.loc[shown.index]
            ends = known[["low", "high"]].to_numpy(float)
            data |= {str(name): known[name].to_numpy(float) for name in known}
            tooltips.append(("90 %", "@low{0.00} to @high{0.00}"))
            tooltips += [("false sign", "@lfsr{0.0000}")] if "lfsr" in known else []
        self._bars.data = data
        if tooltips != self._hover.tooltips:
            self._hover.tooltips = tooltips
        positions = np.arange(len(ends)) + 0.5
        self._errors.data = {"y": positions, "low": ends[:, 0], "high": ends[:, 1]}
        everything = [0.0, *values, *ends.ravel()]
        low, high = min(everything), max(everything)
        margin = 0.04 * (high - low) or 1.0
        extent(self.figure.x_range, high + margin, low - margin)
        extent(self.figure.y_range, float(len(shown)))
        self.mark(self._marked)
