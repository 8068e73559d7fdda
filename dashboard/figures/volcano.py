"""Effects of all genes against their certainty, on paper."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.sheet import (
    EDGE,
    FOOT,
    QUIET,
    SMALL,
    clean,
    cleaned,
    place,
    published,
    sheet,
)
from dashboard.plots.style import MISSING
from dashboard.plots.volcano import RATE, SURE, placed, reach

WIDTH, HEIGHT, LEFT, HEAD, BELOW = 90.0, 70.0, 14.0, 8.0, 9.0
NAMED = 15
# Between names, millimetres across and up.
APART = 14.0, 2.6


@published
def volcano(table: pd.DataFrame, called: str, *, title: str, xlabel: str) -> Figure:
    """One point a gene; the first of the table are named.

    Parameters
    ----------
    table
        Of `engine.coefficients` or `engine.differences`, the surest large effects first.
    called
        Column of the effects.
    """
    figure = sheet(LEFT + WIDTH + EDGE, HEAD + HEIGHT + BELOW + FOOT)
    axes = place(figure, LEFT, HEAD, WIDTH, HEIGHT)
    where = placed(table, called)
    axes.axvline(0, color=MISSING, linewidth=0.5)
    axes.scatter(where.x, where.y, s=5, c=where.colours, linewidths=0, alpha=0.8)
    far = 1.1 * reach(table, where.x)
    axes.set_xlim(-far, far)
    low, high = axes.get_ylim()
    placed_at: list[tuple[float, float]] = []
    names = cleaned(list(table["gene"].head(NAMED).astype(str)), 30, SMALL)
    for words, x, y in zip(names, where.x, where.y, strict=False):
        at = (x + far) / (2 * far) * WIDTH, (y - low) / (high - low) * HEIGHT
        # Of two overlapping names, neither could be read.
        if all(abs(at[0] - a) > APART[0] or abs(at[1] - b) > APART[1] for a, b in placed_at):
            placed_at.append(at)
            axes.annotate(words, (x, y), (2, 2), textcoords="offset points", size=SMALL)
    axes.set(xlabel=clean(xlabel, WIDTH), ylabel=clean(where.up, HEIGHT))
    axes.set_title(clean(title, WIDTH), loc="left")
    if where.up == RATE:
        axes.text(
            1,
            1.01,
            f"coloured: lfsr below {100 * SURE:g} %",
            transform=axes.transAxes,
            ha="right",
            size=SMALL,
            color=QUIET,
        )
    return figure
