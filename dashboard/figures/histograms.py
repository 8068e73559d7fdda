"""Histograms side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from dashboard.figures.sheet import EDGE, FOOT, clean, place, published, sheet
from dashboard.plots.histograms import binned, decade_ticks
from dashboard.plots.style import ACCENT

WIDTH, HEIGHT, LEFT, BELOW = 66.0, 45.0, 15.0, 9.0


@published
def histograms(of: Sequence[tuple[np.ndarray, str, bool]]) -> Figure:
    """Numbers of cells.

    Parameters
    ----------
    of
        For each histogram its values, title with unit, and whether it is logarithmic.
    """
    figure = sheet(len(of) * (LEFT + WIDTH) + EDGE, EDGE + HEIGHT + BELOW + FOOT)
    for number, (values, title, log) in enumerate(of):
        left = number * (LEFT + WIDTH) + LEFT
        _histogram(place(figure, left, EDGE, WIDTH, HEIGHT), values, title, log)
    return figure


def _histogram(axes: Axes, values: np.ndarray, title: str, log: bool) -> None:
    counts, edges = binned(values, log=log)
    if log:
        axes.set_xscale("log")
    axes.stairs(counts, edges, fill=True, color=ACCENT, linewidth=0)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.05 * max(counts.max(), 1)))
    axes.set(xlabel=clean(title, WIDTH), ylabel="cells")
    thousands = FuncFormatter(lambda value, _: f"{value:,.10g}")
    axes.yaxis.set_major_formatter(thousands)
    if log:
        ticks = decade_ticks(float(edges[0]), float(edges[-1]))
        axes.set_xticks([tick for tick, _ in ticks], labels=[word for _, word in ticks])
        axes.set_xticks([], minor=True)
    else:
        axes.xaxis.set_major_formatter(thousands)
