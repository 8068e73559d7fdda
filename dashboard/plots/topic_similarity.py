"""Similarity of the topics of two runs, as an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.models.annotations import ColorBar

from dashboard.plots.names import NamedAxis, blank, extent, in_view
from dashboard.plots.style import ACCENT, DIVERGING, SEQUENTIAL

HEIGHT = 120
# Least distance of two names, pixels.
ROOM = 13
SIDES = ("left", "right", "bottom", "top")


class SimilarityMap:
    """Topics x topics of another run, the first at the top left; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure = blank(left=64, bottom=44, height=HEIGHT)
        self._mapper = LinearColorMapper(palette=DIVERGING, low=-1, high=1, nan_color="#00000000")
        self._image = ColumnDataSource(
            {"image": [np.zeros((1, 1), np.float32)], "width": [1], "height": [1]}
        )
        self._boxes = ColumnDataSource({side: [] for side in (*SIDES, "weight")})
        image = self.figure.image(
            "image", 0, 0, "width", "height", source=self._image, color_mapper=self._mapper
        )
        self.figure.quad(
            **{side: side for side in SIDES},
            source=self._boxes,
            fill_color=None,
            line_color=ACCENT,
            line_width="weight",
        )
        self.columns = NamedAxis(self.figure, "x", ROOM)
        self.rows = NamedAxis(self.figure, "y", ROOM)
        self.figure.xaxis.major_label_orientation = 0.6
        self._bar = ColorBar(
            color_mapper=self._mapper,
            width=8,
            padding=4,
            bar_line_color=None,
            major_tick_line_color=None,
            title_text_font_size="11px",
            major_label_text_font_size="11px",
        )
        self.figure.add_layout(self._bar, "right")
        names: Any = {"$x": self.columns.hover, "$y": self.rows.hover}
        words = [("this run", "$y{custom}"), ("other run", "$x{custom}"), ("", "@image{0.00}")]
        self.figure.add_tools(
            HoverTool(renderers=[image], tooltips=words, formatters=names, visible=False)
        )

    @property
    def values(self) -> np.ndarray:
        """The image as drawn, its lowest row first."""
        return np.asarray(self._image.data["image"][0])

    def show(self, table: pd.DataFrame, title: str, *, signed: bool) -> None:
        """Draw other similarities; none is marked.

        Parameters
        ----------
        table
            Topics of this run x topics of the other, with the names as shown.
        signed
            From -1 to 1; else from 0 to 1.
        """
        self._mapper.update(palette=DIVERGING if signed else SEQUENTIAL, low=-signed, high=1)
        self._bar.title = title
        self.columns.show(list(table.columns))
        self.rows.show(list(table.index)[::-1])
        values = np.ascontiguousarray(table.to_numpy(np.float32)[::-1])
        high, wide = values.shape
        self._image.data = {"image": [values], "width": [wide], "height": [high]}
        self._boxes.data = {side: [] for side in (*SIDES, "weight")}
        extent(self.figure.x_range, float(wide))
        extent(self.figure.y_range, float(high))

    def mark(self, row: int | None, column: int | None) -> None:
        """Frame the row of a topic, and more strongly its cell with a topic of the other run."""
        high, wide = self.values.shape
        boxes: list[tuple[float, ...]] = []
        if row is not None:
            boxes.append((0, wide, high - 1 - row, high - row, 1.2))
            if column is not None:
                boxes.append((column, column + 1, high - 1 - row, high - row, 3))
        names = (*SIDES, "weight")
        self._boxes.data = {name: [box[j] for box in boxes] for j, name in enumerate(names)}

    def on_pair(self, action: Callable[[int, int], None]) -> None:
        """Call ``action(row, column)`` when a cell of the image is clicked."""

        def tapped(event: Any) -> None:
            high, wide = self.values.shape
            if in_view(self.figure, event.x, event.y) and event.x < wide and event.y < high:
                action(high - 1 - int(event.y), int(event.x))

        self.figure.on_event("tap", tapped)
