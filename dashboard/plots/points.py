"""Cells as separate discs with hover text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, WheelZoomTool

from dashboard.plots.colours import Colouring
from dashboard.plots.names import blank, extent
from dashboard.plots.style import ACCENT, MISSING, span

# {value} is escaped by Bokeh
HOVER = [("cell", "@cell"), ("value", "@value")]
CLEAR, FADED = 230, 0.3
ENDS = ("x0", "x1", "y0", "y1")


class ErrorBars:
    """Crosses of ± a standard deviation around points of a figure."""

    def __init__(self, figure: Any) -> None:
        self.source = ColumnDataSource({name: [] for name in ENDS})
        self.drawn = figure.segment(
            **{name: name for name in ENDS},
            source=self.source,
            line_color=MISSING,
            line_alpha=0.6,
            line_width=1,
        )

    def show(self, values: np.ndarray, sd: np.ndarray | None) -> None:
        """Draw crosses of ± sd around (n, 2) values; NaN and None draw none."""
        if sd is None:
            sd = np.full(values.shape, np.nan)
        known = np.isfinite(sd).any(1)
        values, sd = values[known], sd[known]
        low, high = values - sd, values + sd
        (x, y), (left, down), (right, up) = values.T, low.T, high.T
        self.source.data = {
            "x0": np.r_[left, x],
            "x1": np.r_[right, x],
            "y0": np.r_[y, down],
            "y1": np.r_[y, up],
        }


class Points:
    """A figure of discs, one a cell; ``figure`` is drawn once, and only what is new is sent.

    The lower of two layers is grey, and visible while cells are selected. The upper layer has the
    colours; while cells are selected, it outlines them and is transparent at other cells.
    """

    def __init__(self, *, left: int, bottom: int, height: int) -> None:
        self.figure: Any = blank(left=left, bottom=bottom, height=height)
        self._order = np.zeros(0, int)
        self.source = ColumnDataSource(
            {
                "x": [],
                "y": [],
                "cell": [],
                "value": [],
                "colour": np.zeros((0, 4), np.uint8),
                "edge": [],
            }
        )
        self.under, self.over = (
            self.figure.scatter("x", "y", source=self.source, **look)
            for look in (
                {
                    "fill_color": MISSING,
                    "fill_alpha": FADED,
                    "line_color": None,
                    "visible": False,
                },
                {"fill_color": "colour", "line_color": ACCENT, "line_alpha": "edge"},
            )
        )
        self.figure.add_tools(HoverTool(renderers=[self.over], tooltips=HOVER, visible=False))
        self.figure.toolbar.active_scroll = self.figure.select_one({"type": WheelZoomTool})

    def place(
        self,
        xy: np.ndarray,
        names: pd.Index,
        colouring: Colouring,
        selected: np.ndarray | None = None,
    ) -> None:
        """Draw other cells, or the same ones elsewhere; the zoom is reset if they moved."""
        count = len(xy)
        # later points hide earlier ones: a fixed shuffle keeps any one label from winning
        self._order = order = np.random.default_rng(0).permutation(count)
        size = float(np.clip(180 / np.sqrt(max(count, 1)), 2.5, 6))
        for renderer in (self.under, self.over):
            renderer.glyph.size = size
        self.source.data = {
            "x": xy[order, 0],
            "y": xy[order, 1],
            "cell": names[order].astype(str).to_numpy(object),
            **self._colour_columns(colouring, selected),
        }
        self.under.visible = selected is not None
        self.zoom(xy)

    def paint(self, colouring: Colouring, selected: np.ndarray | None) -> None:
        """Colour the cells; a (C,) mask leaves all but the selected ones grey."""
        self.source.data.update(self._colour_columns(colouring, selected))
        self.under.visible = selected is not None

    def clear(self) -> None:
        """Draw no cells."""
        self._order = np.zeros(0, int)
        self.source.data = {name: values[:0] for name, values in self.source.data.items()}

    def zoom(self, xy: np.ndarray) -> None:
        """Show the range of all cells; keep the zoom if that range is the same as before."""
        for axis_range, values in zip(
            (self.figure.x_range, self.figure.y_range), xy.T, strict=True
        ):
            low, high = span(values)
            extent(axis_range, high, low)

    def _colour_columns(self, colouring: Colouring, selected: np.ndarray | None) -> dict[str, Any]:
        order = self._order
        colours = np.full((len(order), 4), CLEAR, np.uint8)
        colours[:, :3] = colouring.rgb(order)
        edge = np.zeros(len(order), np.float32)
        if selected is not None:
            edge[:] = selected[order]
            colours[~selected[order], 3] = 0
        return {"value": colouring.words(order), "colour": colours, "edge": edge}
