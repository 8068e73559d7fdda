"""Trace of the objective of a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dashboard.figures.sheet import EDGE, FOOT, clean, place, published, sheet
from dashboard.plots.style import ACCENT

WIDTH, HEIGHT, LEFT, BELOW = 70.0, 40.0, 18.0, 9.0


@published
def trace(table: pd.DataFrame, *, unit: str = "pass") -> Figure:
    """Nats per cell against passes: all of them, and beside them the last three quarters.

    Parameters
    ----------
    table
        The ``trace`` of a fit.
    unit
        What a pass is called.
    """
    known = table.loc[np.isfinite(table["log_marginal_per_cell"])]
    # The first rise flattens everything after it.
    parts = [known, known.iloc[len(known) // 4 :]] if len(known) >= 4 else [known]
    figure = sheet(len(parts) * (LEFT + WIDTH) + EDGE, EDGE + HEIGHT + BELOW + FOOT)
    for number, part in enumerate(parts):
        axes = place(figure, number * (LEFT + WIDTH) + LEFT, EDGE, WIDTH, HEIGHT)
        x, y = part["pass"].to_numpy(float), part["log_marginal_per_cell"].to_numpy(float)
        axes.plot(x, y, color=ACCENT, linewidth=1.0, marker="o", markersize=1.6)
        axes.set(xlabel=clean(unit, WIDTH), ylabel="nats per cell")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.ticklabel_format(axis="y", useOffset=False)
    return figure
