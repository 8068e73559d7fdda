"""Residuals of one gene against normal quantiles; total counts of the cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dashboard.figures.sheet import EDGE, FOOT, QUIET, SMALL, clean, place, published, sheet
from dashboard.plots.style import ACCENT, MISSING

WIDTH, HEIGHT, LEFT, HEAD, BELOW = 60.0, 50.0, 14.0, 6.0, 9.0


@published
def residuals(rows: pd.DataFrame, gene: str) -> Figure:
    """A Q-Q line of rows of `engine.checks.PredictiveCheck.residuals` of one gene."""
    figure = sheet(LEFT + HEIGHT + EDGE, HEAD + HEIGHT + BELOW + FOOT)
    axes = place(figure, LEFT, HEAD, HEIGHT, HEIGHT)
    x = rows["theoretical"].to_numpy(float)
    axes.fill_between(x, rows["low"], rows["high"], color=MISSING, alpha=0.4, linewidth=0)
    axes.axline((0, 0), slope=1, color=QUIET, linewidth=0.5)
    axes.plot(x, rows["observed"], ".", color=ACCENT, markersize=3)
    axes.set_title(clean(f"{gene}: residuals, 90 % band", HEIGHT), loc="left")
    axes.set(xlabel="normal quantile", ylabel="quantile of the residuals")
    return figure


@published
def totals(rows: pd.DataFrame) -> Figure:
    """Cells by total counts, rows of `engine.checks.PredictiveCheck.totals` of one group."""
    figure = sheet(LEFT + WIDTH + EDGE, HEAD + HEIGHT + BELOW + FOOT)
    axes = place(figure, LEFT, HEAD, WIDTH, HEIGHT)
    left, right = (np.log10(rows[name].to_numpy(float)) for name in ("low", "high"))
    middle, width = (left + right) / 2, right - left
    for low, high, alpha in (("low_90", "high_90", 0.3), ("low_50", "high_50", 0.5)):
        bottom, top = rows[low].to_numpy(float), rows[high].to_numpy(float)
        axes.bar(middle, top - bottom, width, bottom, color=MISSING, alpha=alpha, linewidth=0)
    axes.hlines(rows["predicted"], left, right, color=QUIET, linewidth=0.6)
    axes.plot(middle, rows["observed"], color=ACCENT, marker="o", markersize=1.8, linewidth=0.9)
    axes.set_title("green: observed; grey: predicted, 50 and 90 %", loc="left", size=SMALL)
    axes.set(xlabel="total counts of a cell", ylabel="cells", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=bool(right.max() - left.min() > 2)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{10**value:,.3g}"))
    return figure
