"""Two genes, cell by cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource

from dashboard.plots.colours import Colouring
from dashboard.plots.names import plain
from dashboard.plots.points import Points
from dashboard.plots.style import MISSING

HEIGHT = 120
ENDS = ("x0", "x1", "y0", "y1")


class PairPlot:
    """Points of a gene against another, with error bars of some of them behind."""

    def __init__(self) -> None:
        self.points = Points(left=44, bottom=40, height=HEIGHT)
        self.figure = self.points.figure
        self.bars = ColumnDataSource({name: [] for name in ENDS})
        drawn = self.figure.segment(
            **{name: name for name in ENDS},
            source=self.bars,
            line_color=MISSING,
            line_alpha=0.6,
            line_width=1,
        )
        # behind the points
        self.figure.renderers = [drawn, self.points.under, self.points.over]

    def place(
        self,
        values: pd.DataFrame,
        colouring: Colouring,
        selected: np.ndarray | None,
        titles: tuple[str, str],
    ) -> None:
        """Draw (n, 2) values; a mask of n leaves all but the selected cells grey."""
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = map(plain, titles)
        self.points.place(values.to_numpy(), values.index, colouring, selected)

    def paint(self, colouring: Colouring, selected: np.ndarray | None) -> None:
        """Colour the same cells anew."""
        self.points.paint(colouring, selected)

    def show_errors(self, values: np.ndarray, sd: np.ndarray) -> None:
        """Draw crosses of ± sd around (n, 2) values, both of the same shape; none if n = 0."""
        low, high = values - sd, values + sd
        (x, y), (left, down), (right, up) = values.T, low.T, high.T
        self.bars.data = {
            "x0": np.r_[left, x],
            "x1": np.r_[right, x],
            "y0": np.r_[y, down],
            "y1": np.r_[y, up],
        }
