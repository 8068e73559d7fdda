"""Correlations of two runs and their difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.names import label, room, tell_left_out
from dashboard.figures.sheet import EDGE, FOOT, clean, colour_bar, colours, place, published, sheet
from dashboard.plots.compare_heatmap import limits
from dashboard.plots.style import DIVERGING

PITCH, SMALLEST, LARGEST = 2.2, 34.0, 80.0
HEAD, GAP, BAR, BESIDE = 6.0, 4.0, 2.5, 13.0


@published
def compare_heatmap(
    one: pd.DataFrame,
    other: pd.DataFrame,
    *,
    titles: tuple[str, str],
    marked: Sequence[str] = (),
) -> Figure:
    """Three panels: each run, on one scale, and the second less the first, on its own.

    Parameters
    ----------
    one, other
        Correlations of the same genes in display order.
    titles
        Names of the runs.
    """
    names = [str(name) for name in one.columns]
    side = float(np.clip(PITCH * len(names), SMALLEST, LARGEST))
    pitch = side / max(len(names), 1)
    beside = room(names, pitch, marked)
    limit, changed = limits(one, other)
    panels = (
        (one, f"A: {titles[0]}", limit, False),
        (other, f"B: {titles[1]}", limit, True),
        (other - one, "B − A", changed, True),
    )
    width = EDGE + beside + 3 * side + GAP + 2 * (BAR + BESIDE) + 2 * GAP + EDGE
    figure = sheet(width, HEAD + side + beside + 1 + FOOT)
    left = EDGE + beside
    for number, (table, title, bound, bar) in enumerate(panels):
        axes = place(figure, left, HEAD, side, side)
        axes.set_title(clean(title, side), loc="left")
        axes.imshow(
            table.to_numpy(float),
            cmap=colours(DIVERGING),
            vmin=-bound,
            vmax=bound,
            interpolation="nearest",
            aspect="auto",
        )
        axes.spines[:].set_visible(False)
        label(axes, "x", names, pitch, marked)
        if number == 0:
            label(axes, "y", names, pitch, marked)
            tell_left_out(axes, pitch)
        else:
            axes.set_yticks([])
        left += side + GAP
        if bar:
            words = "change of r" if number == 2 else "CLR correlation"
            where = place(figure, left - GAP + 2, HEAD, BAR, min(side, 40.0))
            colour_bar(where, DIVERGING, -bound, bound, words)
            left += BAR + BESIDE
    return figure
