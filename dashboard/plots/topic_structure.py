"""Cells side by side in their groups: stacked proportions of topics, or scores of factors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    AllLabels,
    ColumnDataSource,
    CustomJSHover,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    NoOverlap,
)

from dashboard.cut import cut
from dashboard.plots.names import LONGEST, blank, extent, in_view
from dashboard.plots.style import ACCENT, DIVERGING, MISSING
from dashboard.plots.topic_colours import faded, topic_colours

HEIGHT = 140
# Rows of the image of proportions: steps of less than a hundredth.
STEPS = 128
# The strip above, which shows the selected cells.
STRIP, GAP = 0.045, 0.015

# Angle of the labels, radians, and their least distance, as a share of the width: none overlap.
STEEP, APART = 1.1, 0.075

_TICK = 'return labels[places.indexOf(tick)] ?? ""'
_GROUP = "let j = 0; while (j + 1 < ends.length && value >= ends[j]) j += 1; return names[j] ?? ''"
_TOPIC = "return names[Math.floor(value)] ?? ''"
_ROW = "return names[Math.floor(value * names.length)] ?? ''"


def stacked(proportions: np.ndarray, steps: int = STEPS) -> np.ndarray:
    """(steps, cells) uint16 image of stacked bars: the topic of each pixel.

    The first topic is at the bottom, the lowest row first; a pixel has the topic at its middle.
    """
    tops = proportions.cumsum(1)
    tops = tops / np.maximum(tops[:, -1:], 1e-12)
    middles = (np.arange(steps) + 0.5) / steps
    topics = (middles[:, None, None] >= tops[None, :, :-1]).sum(2)
    return topics.astype(np.uint16)


def bounds(index: pd.Index) -> tuple[list[str], list[int]]:
    """Names of runs of equal groups, the first level of an index, and where each ends."""
    names: list[str] = []
    ends: list[int] = []
    for position, group in enumerate(index.get_level_values(0)):
        if not names or str(group) != names[-1]:
            names.append(str(group))
            ends.append(position)
        ends[-1] = position + 1
    return names, ends


def spread(positions: Sequence[float], least: float, end: float) -> list[float]:
    """Rising positions from 0 to ``end``, moved as little as possible to be ``least`` apart."""
    rising = np.array(positions, float)
    for j in range(1, len(rising)):
        rising[j] = max(rising[j], rising[j - 1] + least)
    top = end
    for j in range(len(rising) - 1, -1, -1):
        rising[j] = min(rising[j], top)
        top = rising[j] - least
    return [float(position) for position in rising]


class StructurePlot:
    """An image, one column a cell; ``figure`` is drawn once.

    Choosing a topic changes its palette only, selecting cells a strip above: the image stays.
    """

    def __init__(self) -> None:
        self.figure = blank(left=34, bottom=20, height=HEIGHT)
        self.figure.xaxis.update(major_label_orientation=STEEP, major_tick_line_color=None)
        self._ticks = {
            axis: (
                FixedTicker(ticks=[]),
                CustomJSTickFormatter(args={"places": [], "labels": []}, code=_TICK),
            )
            for axis in "xy"
        }
        for axis, name in zip(self.figure.axis, "xy", strict=True):
            axis.update(ticker=self._ticks[name][0], formatter=self._ticks[name][1])
        self.names: list[str] = []
        self._colours: list[str] = []
        self._groups: list[str] = []
        self._ends: list[int] = []
        self._named: list[float] = []
        self._cells = pd.Index([])
        self._signed = ""
        empty: dict[str, Any] = {"image": [np.zeros((1, 1), np.uint8)], "dw": [1]}
        self._topics, self._scores, self._strip = (ColumnDataSource(empty) for _ in range(3))
        self._lines = ColumnDataSource({"x": []})
        self._frame = ColumnDataSource({"bottom": [], "top": [], "right": []})
        self._palette = LinearColorMapper(palette=["#000000"], low=-0.5, high=0.5)
        self._diverging = LinearColorMapper(palette=DIVERGING, low=-1, high=1)
        self._hover = {
            name: CustomJSHover(args={"names": [], "ends": []}, code=code)
            for name, code in (("x", _GROUP), ("image", _TOPIC), ("y", _ROW))
        }
        self._draw()

    def _draw(self) -> None:
        image = self.figure.image
        self._stack = image("image", 0, 0, "dw", 1, source=self._topics, color_mapper=self._palette)
        self._rows = image(
            "image", 0, 0, "dw", 1, source=self._scores, color_mapper=self._diverging
        )
        selected = LinearColorMapper(palette=["#00000000", ACCENT], low=0, high=1)
        image("image", 0, 1 + GAP, "dw", STRIP, source=self._strip, color_mapper=selected)
        self.figure.vspan("x", source=self._lines, line_color=MISSING, line_width=1)
        self.figure.quad(
            0,
            "right",
            "top",
            "bottom",
            source=self._frame,
            fill_color=None,
            line_color=ACCENT,
            line_width=2,
        )
        own = [("topic", "@image{custom}"), ("group", "$x{custom}")]
        group: Any = {"$x": self._hover["x"]}
        self._over_rows = HoverTool(
            renderers=[self._rows], visible=False, formatters=group | {"$y": self._hover["y"]}
        )
        self.figure.add_tools(
            HoverTool(
                renderers=[self._stack],
                tooltips=own,
                visible=False,
                formatters=group | {"@image": self._hover["image"]},
            ),
            self._over_rows,
        )

    @property
    def values(self) -> np.ndarray:
        """The image as drawn, its lowest row first."""
        source = self._scores if self._signed else self._topics
        return np.asarray(source.data["image"][0])

    def show(self, table: pd.DataFrame, names: Sequence[str], *, signed: str = "") -> None:
        """Draw other cells; no topic is chosen and no cell marked.

        Parameters
        ----------
        table
            One row a cell in display order, indexed by ``group`` and ``cell``; one column a
            topic.
        names
            Names of the topics.
        signed
            Of scores, the word for a latent: one row each, the first at the top. Empty: stacked
            proportions.
        """
        values = table.to_numpy(np.float32)
        count, width = values.shape
        self.names, self._signed = [str(name) for name in names], signed
        self._cells = table.index.get_level_values("cell")
        self._groups, self._ends = bounds(table.index)
        self._colours = topic_colours(width)
        self._stack.visible, self._rows.visible = not signed, bool(signed)
        if signed:
            limit = float(np.quantile(np.abs(values), 0.99)) or 1.0
            self._diverging.update(low=-limit, high=limit)
            image = np.ascontiguousarray(values.T[::-1])
            self._scores.data = {"image": [image], "dw": [count]}
        else:
            self._palette.update(palette=self._colours, low=-0.5, high=width - 0.5)
            self._topics.data = {"image": [stacked(values)], "dw": [count]}
        self._label(width)
        self._lines.data = {"x": self._ends[:-1]}
        self._frame.data = {"bottom": [], "top": [], "right": []}
        self.mark(np.zeros(count, bool))
        extent(self.figure.x_range, float(count))
        extent(self.figure.y_range, 1 + GAP + STRIP)

    def choose(self, topic: int | None) -> None:
        """Highlight one topic, or none."""
        if not self._signed:
            self._palette.palette = faded(self._colours, topic)
            return
        width = len(self.names)
        here = [] if topic is None else [width - 1 - topic]
        self._frame.data = {
            "bottom": [row / width for row in here],
            "top": [(row + 1) / width for row in here],
            "right": [len(self._cells) for _ in here],
        }

    def mark(self, drawn: np.ndarray) -> None:
        """Mark cells: a mask of those that are drawn, in display order."""
        image = np.asarray(drawn, np.uint8)[None, :]
        self._strip.data = {"image": [image], "dw": [max(len(drawn), 1)]}

    def on_topic(self, action: Callable[[int], None]) -> None:
        """Call ``action(position)`` when a part of a bar, or a row, is clicked."""

        def tapped(event: Any) -> None:
            if not in_view(self.figure, event.x, event.y) or not len(self._cells):
                return
            image = self.values
            row = int(event.y * len(image))
            if 0 <= row < len(image) and 0 <= event.x < len(self._cells):
                topic = int(image[row, int(event.x)])
                action(len(image) - 1 - row if self._signed else topic)

        self.figure.on_event("tap", tapped)

    def on_group(self, action: Callable[[str], None]) -> None:
        """Call ``action(name)`` when the label of a group is clicked."""

        def clicked(event: Any) -> None:
            if isinstance(event.value, (int, float)) and 0 <= event.value < len(self._cells):
                nearest = np.abs(np.asarray(self._named) - event.value).argmin()
                action(self._groups[int(nearest)])

        self.figure.xaxis[0].on_event("axis_click", clicked)

    def _label(self, width: int) -> None:
        starts = [0, *self._ends[:-1]]
        middles = [(low + high) / 2 for low, high in zip(starts, self._ends, strict=True)]
        count = len(self._cells)
        few = len(middles) <= 1 / APART
        self.figure.xaxis.major_label_policy = AllLabels() if few else NoOverlap()
        middles = spread(middles, APART * count, count) if few else middles
        self._named = middles
        self._tick("x", middles, cut(self._groups, LONGEST))
        if self._signed:
            positions = [(width - 0.5 - k) / width for k in range(width)]
            self._tick("y", positions, [str(k + 1) for k in range(width)])
        else:
            self._tick("y", [0, 0.5, 1], ["0", "0.5", "1"])
        rows = [(self._signed, "$y{custom}"), ("score", "@image{0.00}"), ("group", "$x{custom}")]
        self._over_rows.tooltips = rows
        self.figure.yaxis.axis_label = self._signed or "proportion"
        self._hover["x"].args = {"names": self._groups, "ends": self._ends}
        self._hover["image"].args = {"names": self.names}
        self._hover["y"].args = {"names": self.names[::-1]}

    def _tick(self, axis: str, ticks: list[float], labels: list[str]) -> None:
        ticker, formatter = self._ticks[axis]
        formatter.args = {"places": ticks, "labels": labels}
        ticker.ticks = ticks
