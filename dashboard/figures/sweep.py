"""Numbers of topics or factors side by side."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.sheet import EDGE, FOOT, INK, clean, place, published, sheet
from dashboard.plots.style import ACCENT
from dashboard.plots.sweep import MEASURES, points

WIDTH, HEIGHT, LEFT, HEAD, BELOW = 70.0, 45.0, 16.0, 6.0, 9.0


@published
def sweep(table: pd.DataFrame, measure: str, *, parameter: str, suggested: int | None) -> Figure:
    """A column of the table of a sweep against the number; a band marks the suggested one."""
    figure = sheet(LEFT + WIDTH + EDGE, HEAD + HEIGHT + BELOW + FOOT)
    axes = place(figure, LEFT, HEAD, WIDTH, HEIGHT)
    found = points(table, measure)
    if suggested is not None:
        axes.axvline(suggested, color=ACCENT, linewidth=5, alpha=0.25)
    y = found["y"].to_numpy()
    spread = [y - found["low"].to_numpy(), found["high"].to_numpy() - y]
    axes.errorbar(
        found["value"], y, spread, color=INK, marker="o", markersize=3, linewidth=0.7, zorder=3
    )
    axes.set_xticks(found["value"].to_numpy(), labels=[f"{value}" for value in found["value"]])
    axes.set(
        xlabel=f"number of {parameter}",
        ylabel=clean(MEASURES[measure].title, HEIGHT),
    )
    return figure
