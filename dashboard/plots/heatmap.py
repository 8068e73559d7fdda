"""Correlations between genes, ordered so that correlated genes are side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.models.annotations import ColorBar
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from dashboard.plots.names import NamedAxis, blank, extent, in_view
from dashboard.plots.style import ACCENT, DIVERGING

MOST_OPTIMAL = 300
HEIGHT = 160
# Over pairs whose sign is not sure: a veil of the colour of no correlation.
VEIL = DIVERGING[len(DIVERGING) // 2] + "d8"
SIDES = ("left", "right", "bottom", "top")


def clustered(correlation: pd.DataFrame) -> pd.DataFrame:
    """The same table with rows and columns in the order of average linkage on 1 - r.

    Optimal leaf ordering up to `MOST_OPTIMAL` genes; it takes too long beyond.
    """
    count = len(correlation)
    if count < 3:
        return correlation
    distance = 1 - correlation.to_numpy()
    distance = np.clip((distance + distance.T) / 2, 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(
        squareform(distance, checks=False), "average", optimal_ordering=count <= MOST_OPTIMAL
    )
    order = leaves_list(tree)
    return correlation.iloc[order, order]


def colour_limit(correlation: pd.DataFrame) -> float:
    """Value at which colours saturate: all but the strongest 1 % of pairs lie within."""
    values = np.abs(correlation.to_numpy())[~np.eye(len(correlation), dtype=bool)]
    values = values[np.isfinite(values)]
    if not values.size:
        return 1.0
    return float(np.clip(np.ceil(10 * np.quantile(values, 0.99)) / 10, 0.2, 1))


GENES = [("genes", "$y{custom} \N{MULTIPLICATION SIGN} $x{custom}")]
# One below the other, because ids make the names long.
WITH_IDS = [("gene", "$y{custom}"), ("with", "$x{custom}")]
VALUE = ("CLR correlation", "@image{0.000}")
UNCERTAINTY_ROWS = [
    ("shrunken", "@shrunken{0.000}, 90 % @shrunken_low{0.000} to @shrunken_high{0.000}"),
    ("false sign", "@lfsr{0.0000}"),
    ("false sign or small", "@fsos{0.0000}"),
]
UNCERTAINTY_COLUMNS = ("shrunken", "shrunken_low", "shrunken_high", "lfsr", "fsos")


class Heatmap:
    """Genes x genes image, the first gene at the top left; ``figure`` is drawn once.

    New correlations replace the image; marks are drawn over it and leave it alone.
    """

    def __init__(self) -> None:
        self._has_uncertainty = False
        self._genes, self._value = GENES, VALUE
        self.figure = blank(left=78, bottom=72, height=HEIGHT)
        self._mapper = LinearColorMapper(palette=DIVERGING, low=-1, high=1)
        self._image = ColumnDataSource({"image": [np.zeros((1, 1), np.float32)], "size": [1]})
        self._bands = ColumnDataSource({side: [] for side in SIDES})
        self._cells = ColumnDataSource({side: [] for side in SIDES})
        image = self.figure.image(
            "image", x=0, y=0, dw="size", dh="size", color_mapper=self._mapper, source=self._image
        )
        sides = {side: side for side in SIDES}
        self._veil = ColumnDataSource({"image": [np.zeros((1, 1), np.uint8)], "size": [1]})
        self.figure.image(
            "image",
            x=0,
            y=0,
            dw="size",
            dh="size",
            color_mapper=LinearColorMapper(palette=["#00000000", VEIL], low=0, high=1),
            source=self._veil,
        )
        self.figure.quad(
            **sides, source=self._bands, fill_color=None, line_color=ACCENT, line_width=1.2
        )
        # A dark line on a wider light one is visible on any colour.
        for width, colour in ((4, "#ffffff"), (1.6, "#111111")):
            self.figure.quad(
                **sides, source=self._cells, fill_color=None, line_color=colour, line_width=width
            )
        self.columns = NamedAxis(self.figure, "x", room=13)
        self.rows = NamedAxis(self.figure, "y", room=13)
        self.figure.xaxis.major_label_orientation = "vertical"
        self.figure.axis.major_label_text_font_size = "10px"
        self.figure.add_layout(
            ColorBar(
                color_mapper=self._mapper,
                title="CLR correlation",
                width=10,
                padding=4,
                bar_line_color=None,
                major_tick_line_color=None,
                title_text_font_size="11px",
                major_label_text_font_size="11px",
            ),
            "right",
        )
        self._hover = HoverTool(
            renderers=[image],
            visible=False,
            tooltips=[*GENES, VALUE],
            formatters={"$x": self.columns.hover, "$y": self.rows.hover},
        )
        self.figure.add_tools(self._hover)

    @property
    def values(self) -> np.ndarray:
        """The image as drawn, its lowest row first."""
        return np.asarray(self._image.data["image"][0])

    def show(self, correlation: pd.DataFrame, ids: Mapping[str, str] | None = None) -> None:
        """Draw a square table in display order, values in [-1, 1]; nothing is marked.

        ``ids`` of the genes are shown on hovering.
        """
        count = len(correlation)
        limit = colour_limit(correlation)
        self._mapper.update(low=-limit, high=limit)
        self._genes = WITH_IDS if ids else GENES
        self._set_hover()
        self.columns.show(list(correlation.columns), ids=ids)
        self.rows.show(list(correlation.columns)[::-1], ids=ids)
        self._bands.data = _sides([])
        self._cells.data = _sides([])
        self._image.data = {"image": [_flipped(correlation)], "size": [count]}
        self._veil.data = {"image": [np.zeros((count, count), np.uint8)], "size": [count]}
        for axis_range in (self.figure.x_range, self.figure.y_range):
            extent(axis_range, float(count))

    def show_uncertainty(
        self, uncertainty: Mapping[str, np.ndarray] | None, most: float = 1.0, by: str = "fsos"
    ) -> None:
        """Show the uncertainty of the correlations on hovering, and veil the uncertain ones.

        Parameters
        ----------
        uncertainty
            (n, n) tables in display order, those of `UNCERTAINTY_COLUMNS` among them, or None.
        most
            Largest rate of a pair that keeps its full colour.
        by
            The rate: "fsos" (false sign or small effect) or "lfsr" (false sign).
        """
        data = {name: self._image.data[name] for name in ("image", "size")}
        count = len(self.columns.names)
        veil = np.zeros((count, count), np.uint8)
        if uncertainty is not None:
            data |= {name: [_flipped(uncertainty[name])] for name in UNCERTAINTY_COLUMNS}
            veil = (np.asarray(uncertainty[by])[::-1] > most).astype(np.uint8)
        self._has_uncertainty = uncertainty is not None
        self._set_hover()
        self._image.data = data
        self._veil.data = {"image": [veil], "size": [count]}

    def _set_hover(self) -> None:
        rows = [*self._genes, self._value, *(UNCERTAINTY_ROWS if self._has_uncertainty else ())]
        if self._hover.tooltips != rows:
            self._hover.tooltips = rows

    def mark(self, marked: Sequence[str], pair: tuple[str, str] | None = None) -> None:
        """Mark the rows and columns of genes, and outline the cell of a pair."""
        count = len(self.columns.names)
        columns, rows = self.columns.mark(marked), self.rows.mark(marked)
        bands = [(position, position + 1, 0, count) for position in columns]
        bands += [(0, count, position, position + 1) for position in rows]
        self._bands.data = _sides(bands)
        cells = []
        if pair is not None and set(pair) <= set(self.columns.names):
            first, second = (self.columns.names.index(name) for name in pair)
            for x, y in ((second, first), (first, second)):
                cells.append((x, x + 1, count - 1 - y, count - y))
        self._cells.data = _sides(cells)

    def on_gene(self, action: Callable[[str], None]) -> None:
        """Call ``action(gene)`` when the label of a gene is clicked."""
        self.columns.on_click(action)
        self.rows.on_click(action)

    def on_pair(self, action: Callable[[str, str], None]) -> None:
        """Call ``action(row, column)`` when a cell is clicked."""

        def tapped(event: Any) -> None:
            if in_view(self.figure, event.x, event.y):
                row, column = self.rows.at(event.y), self.columns.at(event.x)
                if row is not None and column is not None:
                    action(row, column)

        self.figure.on_event("tap", tapped)


def _flipped(values: Any) -> np.ndarray:
    """A table as an image, whose first row is the lowest."""
    return np.ascontiguousarray(np.asarray(values, np.float32)[::-1])


def _sides(boxes: Sequence[tuple[int, int, int, int]]) -> dict[str, Any]:
    return {side: [box[j] for box in boxes] for j, side in enumerate(SIDES)}
