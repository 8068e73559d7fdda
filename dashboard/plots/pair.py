"""Two genes, cell by cell."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.plots.colours import Colouring
from dashboard.plots.names import plain
from dashboard.plots.points import ErrorBars, Points

HEIGHT = 120


class PairPlot:
    """Points of a gene against another, with error bars of some of them behind."""

    def __init__(self) -> None:
        self.points = Points(left=44, bottom=40, height=HEIGHT)
        self.figure = self.points.figure
        self.bars = ErrorBars(self.figure)
        # behind the points
        self.figure.renderers = [self.bars.drawn, self.points.under, self.points.over]

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
        """Recolour the same cells."""
        self.points.paint(colouring, selected)
