"""A quantity of each cell in two runs, one against the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource

from dashboard.plots.colours import Colouring
from dashboard.plots.names import plain
from dashboard.plots.points import ErrorBars, Points
from dashboard.plots.style import MISSING

HEIGHT = 120


class ComparedPoints:
    """A point a cell; the dashed line marks equal values."""

    def __init__(self) -> None:
        self.points = Points(left=44, bottom=40, height=HEIGHT)
        self.figure = self.points.figure
        self.same = ColumnDataSource({"x": [], "y": []})
        line = self.figure.line(
            "x", "y", source=self.same, line_color=MISSING, line_dash="dashed", line_width=1
        )
        self.bars = ErrorBars(self.figure)
        self.figure.renderers = [line, self.bars.drawn, self.points.under, self.points.over]

    def place(
        self,
        values: np.ndarray,
        cells: pd.Index,
        titles: tuple[str, str],
        colouring: Colouring,
        selected: np.ndarray | None,
        *,
        same: bool,
    ) -> None:
        """Draw (n, 2) values; a mask of n leaves all but the selected cells grey.

        Parameters
        ----------
        same
            Whether both axes have the same unit, so that there is a line of equal values.
        """
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = map(plain, titles)
        self.points.place(values, cells, colouring, selected)
        ends = [float(values.min()), float(values.max())] if same and len(values) else []
        self.same.data = {"x": ends, "y": ends}

    def paint(self, colouring: Colouring, selected: np.ndarray | None) -> None:
        """Recolour the same cells."""
        self.points.paint(colouring, selected)
