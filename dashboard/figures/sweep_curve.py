"""Numbers of topics or factors side by side."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.sheet import EDGE, FOOT, INK, clean, place, published, sheet
from dashboard.plots.style import ACCENT
from dashboard.plots.sweep_curve import ALL, HOLLOW, points

WIDTH, HEIGHT, LEFT, HEAD, BELOW = 70.0, 45.0, 16.0, 6.0, 9.0


@published
def sweep(table: pd.DataFrame, measure: str, *, parameter: str, suggested: int | None) -> Figure:
    """A column of the table of a sweep against the number; a band marks the suggested one.

    Points are hollow where ``structure`` is true, and grey where it was not tested.
    """
    figure = sheet(LEFT + WIDTH + EDGE, HEAD + HEIGHT + BELOW + FOOT)
    axes = place(figure, LEFT, HEAD, WIDTH, HEIGHT)
    curve = points(table, measure)
    for x in curve["x"][curve["value"] == suggested]:
        axes.axvline(x, color=ACCENT, linewidth=5, alpha=0.25)
    y = curve["y"].to_numpy()
    spread = [y - curve["low"].to_numpy(), curve["high"].to_numpy() - y]
    axes.errorbar(curve["x"], y, spread, color=INK, linewidth=0.7, zorder=3)
    colours = ["white" if fill == HOLLOW else fill for fill in curve["fill"]]
    axes.scatter(curve["x"], y, s=9, c=colours, edgecolors=ACCENT, linewidths=0.7, zorder=4)
    axes.set_xticks(curve["x"].to_numpy(), labels=[f"{value}" for value in curve["value"]])
    axes.set(
        xlabel=f"number of {parameter}",
        ylabel=clean(ALL[measure].title, HEIGHT),
    )
    return figure
