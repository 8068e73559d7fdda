"""A statistic of all genes, observed over predicted."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dashboard.figures.sheet import EDGE, FOOT, SMALL, clean, cleaned, place, published, sheet
from dashboard.plots.check_points import Chart, drawn
from dashboard.plots.style import ACCENT, MISSING, POSITIVE

WIDTH, HEIGHT, LEFT, HEAD, BELOW = 80.0, 60.0, 16.0, 5.0, 9.0
NAMED = 12


@published
def check_points(points: pd.DataFrame, chart: Chart) -> Figure:
    """One point a gene or pair; red ones do not fit, and the worst of them are named.

    Parameters
    ----------
    points
        `engine.checks.gene_points` or `pair_points`, worst first.
    """
    figure = sheet(LEFT + WIDTH + EDGE, HEAD + HEIGHT + BELOW + FOOT)
    axes = place(figure, LEFT, HEAD, WIDTH, HEIGHT)
    table = drawn(points, chart)
    if chart.against_mean:
        axes.vlines(table["x"], table["y0"], table["y1"], color=MISSING, linewidth=0.5, alpha=0.5)
    else:
        axes.hlines(table["y"], table["x0"], table["x1"], color=MISSING, linewidth=0.5, alpha=0.5)
        axes.axline((0, 0), slope=1, color=MISSING, linewidth=0.5)
    axes.scatter(table["px"], table["py"], s=1.5, color=MISSING, linewidths=0)
    off = table["colour"] == POSITIVE
    for rows, colour, marker in ((table[~off], ACCENT, "o"), (table[off], POSITIVE, "D")):
        axes.scatter(rows["x"], rows["y"], s=5, c=colour, marker=marker, linewidths=0)
    named = table[off].head(NAMED)
    for row, words in zip(named.itertuples(), cleaned(list(named["name"]), 30, SMALL), strict=True):
        where = (float(str(row.x)), float(str(row.y)))
        axes.annotate(words, where, (2, 2), textcoords="offset points", size=SMALL)
    axes.set(xlabel=clean(chart.x, WIDTH), ylabel=clean(chart.y, HEIGHT))
    for axis, log in zip((axes.xaxis, axes.yaxis), chart.log, strict=True):
        if log:
            low, high = axis.get_view_interval()
            axis.set_major_locator(MaxNLocator(6, integer=high - low > 2))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{10**value:,.3g}"))
    axes.set_title("green: fits; red: does not; grey: predicted, 90 % band", loc="left", size=SMALL)
    return figure
