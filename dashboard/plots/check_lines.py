"""Residuals of one gene against normal quantiles; total counts of the cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool

from dashboard.plots.check_points import Scale
from dashboard.plots.names import blank, extent, plain
from dashboard.plots.style import ACCENT, MISSING

HEIGHT = 120
INK = "#7d868e"


class ResidualPlot:
    """A Q-Q line with its band; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure: Any = blank(left=44, bottom=30, height=HEIGHT)
        self.figure.xaxis.axis_label = "normal quantile"
        self.figure.yaxis.axis_label = "quantile of the residuals"
        names = ("theoretical", "observed", "low", "high")
        self.source = ColumnDataSource({name: [] for name in names})
        shown = self.figure
        shown.varea(
            "theoretical", "low", "high", source=self.source, fill_color=MISSING, fill_alpha=0.35
        )
        shown.line("theoretical", "theoretical", source=self.source, line_color=INK)
        dots = shown.scatter(
            "theoretical",
            "observed",
            source=self.source,
            size=4,
            fill_color=ACCENT,
            line_color=None,
        )
        words = [("normal", "@theoretical{0.00}"), ("residual", "@observed{0.00}")]
        shown.add_tools(HoverTool(renderers=[dots], tooltips=words, visible=False))

    def show(self, rows: pd.DataFrame, title: str) -> None:
        """Draw rows of `engine.checks.PredictiveCheck.residuals` of one gene."""
        self.source.data = {name: rows[name].to_numpy(float) for name in self.source.data}
        self.figure.title.text = plain(title)
        for axis_range, names in (
            (self.figure.x_range, ("theoretical",)),
            (self.figure.y_range, ("theoretical", "observed", "low", "high")),
        ):
            values = rows[list(names)].to_numpy(float)
            # Residuals beyond 6 are equally impossible: the axis ends there.
            reach = min(1.06 * float(np.abs(values).max(initial=1.0)), 6.0)
            extent(axis_range, reach, -reach)


class TotalsPlot:
    """Cells by their total counts, over the prediction; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure: Any = blank(left=52, bottom=30, height=HEIGHT)
        self.figure.xaxis.axis_label = "total counts of a cell"
        self.figure.yaxis.axis_label = "cells"
        Scale(self.figure.xaxis[0]).show(log=True)
        values = ("observed", "predicted", "low_90", "low_50", "high_50", "high_90")
        self.source = ColumnDataSource({n: [] for n in ("left", "right", "middle", *values)})
        shown = self.figure
        for low, high, alpha in (("low_90", "high_90", 0.28), ("low_50", "high_50", 0.5)):
            shown.quad(
                left="left",
                right="right",
                bottom=low,
                top=high,
                source=self.source,
                fill_color=MISSING,
                fill_alpha=alpha,
                line_color=None,
            )
        shown.segment("left", "predicted", "right", "predicted", source=self.source, line_color=INK)
        shown.line("middle", "observed", source=self.source, line_color=ACCENT, line_width=1.6)
        dots = shown.scatter(
            "middle", "observed", source=self.source, size=4, fill_color=ACCENT, line_color=None
        )
        words = [
            ("observed", "@observed{0,0}"),
            ("predicted", "@predicted{0,0.0}"),
            ("90 %", "@low_90{0,0} – @high_90{0,0}"),
        ]
        shown.add_tools(HoverTool(renderers=[dots], tooltips=words, visible=False))

    def show(self, rows: pd.DataFrame, title: str = "") -> None:
        """Draw rows of `engine.checks.PredictiveCheck.totals` of one group, or no rows."""
        self.figure.title.text = plain(title)
        if not len(rows):
            self.source.data = {name: [] for name in self.source.data}
            return
        left, right = (np.log10(rows[name].to_numpy(float)) for name in ("low", "high"))
        own = {"left": left, "right": right, "middle": (left + right) / 2}
        self.source.data = {
            name: own[name] if name in own else rows[name].to_numpy(float)
            for name in self.source.data
        }
        low, high = float(left.min()), float(right.max())
        extent(self.figure.x_range, high, low)
        top = float(rows[["observed", "high_90"]].to_numpy(float).max())
        extent(self.figure.y_range, 1.06 * max(top, 1.0))
