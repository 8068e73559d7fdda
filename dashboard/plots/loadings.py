"""Loadings of all factors as an image, below bars of the variance that each explains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper

from dashboard.plots.latent_words import FIRST, Words
from dashboard.plots.names import NamedAxis, blank, extent, in_view
from dashboard.plots.style import ACCENT, DIVERGING, MISSING

HEIGHT = 160
MOST_ROWS = 60
# Bars of a figure on paper, however many have room on the page.
ON_PAPER = 30
# The bars' height, and the gap below them, as shares of the height of the image.
BARS, SPACE = 0.22, 0.03
# Characters of a name below its column, where it takes room from the image.
BELOW = 9


def top_loadings(loadings: pd.Series, n: int = 15) -> pd.Series:
    """The n largest and n smallest loadings, descending; all of them if they are few."""
    ordered = loadings.sort_values(ascending=False, kind="stable")
    if len(ordered) <= 2 * n:
        return ordered
    return pd.concat([ordered.head(n), ordered.tail(n)])


def strongest(loadings: pd.Series, weights: pd.Series | None, n: int) -> pd.Series:
    """At most n loadings, descending: the largest and smallest, or those of most weight."""
    if weights is None:
        return top_loadings(loadings, max(n // 2, 1))
    first = weights.nlargest(n).index
    return loadings[first].sort_values(ascending=False, kind="stable")


def leading_genes(
    loadings: pd.DataFrame, weights: pd.DataFrame | None = None, most: int = MOST_ROWS
) -> pd.DataFrame:
    """The strongest genes of every factor, grouped by their leading factor.

    In turns, each factor adds its next largest and next smallest loading until ``most`` genes
    are there; with weights, the gene of its next largest weight. Rows come in the order of the
    factor of their largest absolute loading (weight), and within a factor from the largest
    loading to the smallest.

    Parameters
    ----------
    loadings
        Genes x factors.
    weights
        Of the same shape.
    """
    values = loadings.to_numpy()
    ranked = values if weights is None else weights.to_numpy()
    order = np.argsort(-ranked, axis=0, kind="stable")
    turns = order[:most]
    if weights is None:
        turns = np.stack([turns, order[::-1][:most]], axis=1).reshape(-1, values.shape[1])
    rows = np.array(list(dict.fromkeys(turns.ravel().tolist()))[:most], dtype=int)
    chosen = values[rows]
    leader = (np.abs(chosen) if weights is None else ranked[rows]).argmax(1)
    placed = np.lexsort((-chosen[np.arange(len(rows)), leader], leader))
    return loadings.iloc[rows[placed]]


class LoadingsMap:
    """Genes x factors image; ``figure`` is drawn once.

    Choosing a factor moves a frame, marking genes draws bands: the image stays.
    """

    def __init__(self) -> None:
        self.figure = blank(left=78, bottom=4, height=HEIGHT)
        self.rows = NamedAxis(self.figure, "y", room=14)
        self.columns = NamedAxis(self.figure, "x", room=18)
        self._size = (1, 1)
        self._top = 1.0
        self._words = Words("", "", "")
        self._mapper = LinearColorMapper(palette=DIVERGING, low=-1, high=1)
        self._image = ColumnDataSource(
            {"image": [np.zeros((1, 1), np.float32)], "width": [1], "height": [1]}
        )
        self._bars = ColumnDataSource({"x": [], "bottom": [], "top": [], "share": []})
        self._frame = ColumnDataSource({"x": [], "bottom": [], "bar": [], "top": []})
        self._bands = ColumnDataSource({"bottom": [], "top": [], "right": []})
        self._draw()

    def _draw(self) -> None:
        image = self.figure.image(
            "image",
            x=0,
            y=0,
            dw="width",
            dh="height",
            color_mapper=self._mapper,
            source=self._image,
        )
        bars = self.figure.vbar(
            "x", 0.8, "top", "bottom", source=self._bars, fill_color=MISSING, line_color=None
        )
        self.figure.vbar(
            "x", 0.8, "bar", "bottom", source=self._frame, fill_color=ACCENT, line_color=None
        )
        lines: dict[str, Any] = {"fill_color": None, "line_color": ACCENT}
        self.figure.quad(0, "right", "top", "bottom", source=self._bands, line_width=1.2, **lines)
        self.figure.vbar("x", 1, "top", 0, source=self._frame, line_width=2, **lines)
        names: dict[str, Any] = {"$x": self.columns.hover, "$y": self.rows.hover}
        self._over_image, self._over_bars = (
            HoverTool(renderers=[drawn], visible=False, formatters=names) for drawn in (image, bars)
        )
        self.figure.add_tools(self._over_image, self._over_bars)
        self._say(FIRST)

    def _say(self, words: Words) -> None:
        if words is self._words:
            return
        self._words = words
        self.figure.xaxis.axis_label = words.latent
        self.figure.title.text = words.share[:1].upper() + words.share[1:]
        self._over_image.tooltips = [
            ("gene", "$y{custom}"),
            (words.latent, "$x{custom}"),
            (words.loading, "@image{0.000}"),
        ]
        self._over_bars.tooltips = [(words.latent, "$x{custom}"), (words.share, "@share{0.0 %}")]

    @property
    def values(self) -> np.ndarray:
        """The image as drawn, its lowest row first."""
        return np.asarray(self._image.data["image"][0])

    def show(
        self,
        loadings: pd.DataFrame,
        explained: pd.Series,
        words: Words = FIRST,
        ids: Mapping[str, str] | None = None,
    ) -> None:
        """Draw loadings and shares; nothing is marked, no factor framed.

        Parameters
        ----------
        loadings
            Genes x factors, in display order.
        explained
            Share of the CLR variance or of the counts that each factor takes, 0 to 1.
        ids
            Ids of the genes, shown on hovering.
        """
        self._say(words)
        genes, factors = self._size = loadings.shape
        limit = float(np.quantile(np.abs(loadings.to_numpy()), 0.99)) or 1.0
        self._mapper.update(low=-limit, high=limit)
        self.rows.show(list(loadings.index)[::-1], ids=ids)
        self.name(list(loadings.columns))
        self._bands.data = {"bottom": [], "top": [], "right": []}
        self._frame.data = {"x": [], "bottom": [], "bar": [], "top": []}
        values = np.ascontiguousarray(loadings.to_numpy(np.float32)[::-1])
        self._image.data = {"image": [values], "width": [factors], "height": [genes]}
        self._top = genes * (1 + SPACE + BARS)
        shares = explained.to_numpy(dtype=float)
        bottom = np.full(factors, genes * (1 + SPACE))
        self._bars.data = {
            "x": np.arange(factors) + 0.5,
            "bottom": bottom,
            "top": bottom + genes * BARS * shares / max(shares.max(), 1e-9),
            "share": shares,
        }
        extent(self.figure.x_range, float(factors))
        extent(self.figure.y_range, self._top)

    def name(self, names: Sequence[str]) -> None:
        """Write the names of the factors; of default names, only the number."""
        if list(names) == self.columns.names:
            return
        labels = self._words.labels(names)
        turned = "horizontal" if all(map(str.isdecimal, labels)) else "vertical"
        if self.figure.xaxis[0].major_label_orientation != turned:
            self.figure.xaxis.major_label_orientation = turned
        self.columns.show(names, labels, BELOW)

    def choose(self, factor: int | None) -> None:
        """Frame the column of a factor, or none."""
        bars = self._bars.data
        here = [] if factor is None else [factor]
        self._frame.data = {
            "x": [j + 0.5 for j in here],
            "bottom": [bars["bottom"][j] for j in here],
            "bar": [bars["top"][j] for j in here],
            "top": [self._top for _ in here],
        }

    def mark(self, marked: Sequence[str]) -> None:
        """Mark the rows of genes."""
        positions = self.rows.mark(marked)
        self._bands.data = {
            "bottom": list(positions),
            "top": [position + 1 for position in positions],
            "right": [self._size[1]] * len(positions),
        }

    def on_factor(self, action: Callable[[int], None]) -> None:
        """Call ``action(position)`` when a column, its bar or its label is clicked."""

        def tapped(event: Any) -> None:
            inside = in_view(self.figure, event.x, event.y)
            if inside and self.columns.at(event.x) is not None:
                action(int(event.x))

        self.figure.on_event("tap", tapped)
        self.columns.on_click(lambda name: action(self.columns.names.index(name)))

    def on_gene(self, action: Callable[[str], None]) -> None:
        """Call ``action(gene)`` when the label of a row is clicked."""
        self.rows.on_click(action)
