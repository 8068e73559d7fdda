"""Cells in two dimensions: as points if there are few of them, else as an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import BoxSelectTool, ColumnDataSource, FixedTicker, LassoSelectTool

from dashboard.plots.colours import Colouring
from dashboard.plots.names import plain
from dashboard.plots.points import Points
from dashboard.plots.raster import Raster, Window

MOST_POINTS = 5_000
HEIGHT = 160
PAUSE_MILLISECONDS = 60
FIRST_SIZE = {"width": 480, "height": 260}

Outlined = Callable[[dict[str, Any], dict[str, bool]], None]


class CellPlot:
    """The cells, their colours and an outline that is drawn around some of them.

    Up to `MOST_POINTS` cells are drawn as points, more as an image of the visible window.
    """

    def __init__(self) -> None:
        self.points = Points(left=24, bottom=24, height=HEIGHT)
        self.figure = self.points.figure
        self.figure.axis.ticker = FixedTicker(ticks=[])
        self.image = ColumnDataSource({name: [] for name in ("image", "x", "y", "dw", "dh")})
        self.figure.image_rgba("image", "x", "y", "dw", "dh", source=self.image)
        self._raster: Raster | None = None
        self._painted: tuple[Colouring, np.ndarray | None] | None = None
        self._size = dict(FIRST_SIZE)  # pixels, until the browser reports them
        self._pending = False
        self._keys: dict[str, bool] = {}
        self.figure.on_event("rangesupdate", self._moved)
        for name in ("inner_width", "inner_height"):
            self.figure.on_change(name, self._sized)

    def place(self, xy: np.ndarray, names: pd.Index, titles: tuple[str, str]) -> None:
        """Show cells at (C, 2) coordinates; nothing is visible before `paint`."""
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = map(plain, titles)
        self._painted = None
        self._raster = Raster(xy) if len(xy) > MOST_POINTS else None
        self._xy, self._names = xy, names
        self.points.zoom(xy)

    def paint(self, colouring: Colouring, selected: np.ndarray | None) -> None:
        """Colour the cells; a (C,) mask leaves all but the selected ones grey."""
        first = self._painted is None
        self._painted = colouring, selected
        if self._raster is not None:
            if first:
                self.points.clear()
            self._draw()
        elif first:
            self.image.data = {name: [] for name in self.image.data}
            self.points.place(self._xy, self._names, colouring, selected)
        else:
            self.points.paint(colouring, selected)

    def on_outline(self, action: Outlined) -> None:
        """Call ``action(geometry, keys held)`` for every outline; the lasso is ready to draw."""
        # Without renderers, the tools select nothing by themselves.
        lasso = LassoSelectTool(renderers=[], continuous=False)
        self.figure.add_tools(lasso, BoxSelectTool(renderers=[], continuous=False))
        self.figure.toolbar.active_drag = lasso

        def started(event: Any) -> None:
            self._keys = dict(event.modifiers or {})

        def drawn(event: Any) -> None:
            if event.final and event.geometry:
                action(event.geometry, self._keys)

        # Which keys are held is known only when the drag begins.
        self.figure.on_event("panstart", started)
        self.figure.on_event("selectiongeometry", drawn)

    def window(self) -> Window:
        """The visible part of the plane, and its size in pixels."""
        x, y = self.figure.x_range, self.figure.y_range
        return Window((x.start, x.end), (y.start, y.end), **self._size)

    def _sized(self, name: str, _old: object, new: int | None) -> None:
        self._size[name.removeprefix("inner_")] = max(int(new or 0), 2)
        self._moved()

    def _moved(self, _event: object = None) -> None:
        """Draw the visible window, at most every few milliseconds."""
        if self._raster is None or self._pending:
            return
        if self.figure.document is None:
            self._draw()
            return
        self._pending = True
        self.figure.document.add_timeout_callback(self._draw, PAUSE_MILLISECONDS)

    def _draw(self) -> None:
        self._pending = False
        if self._raster is None or self._painted is None:
            return
        window = self.window()
        image = self._raster.draw(*self._painted, window)
        self.image.data = {
            "image": [image],
            "x": [window.x[0]],
            "y": [window.y[0]],
            "dw": [window.x[1] - window.x[0]],
            "dh": [window.y[1] - window.y[0]],
        }
