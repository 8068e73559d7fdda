"""Topics in a plane."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.sheet import EDGE, FOOT, INK, SMALL, clean, place, published, sheet, wide
from dashboard.plots.style import MISSING
from dashboard.plots.topic_colours import ink, topic_colours

SIDE, LEFT, BELOW, GAP = 80.0, 6.0, 7.0, 5.0
# Diameter of a topic that takes all counts, and the smallest diameter, millimetres.
WHOLE, LEAST = 34.0, 4.2
ROW, ROWS, LONGEST = 3.6, 22, 40.0


@published
def topic_map(
    placed: pd.DataFrame, explained: tuple[float, float], *, topic: int | None = None
) -> Figure:
    """Numbered discs, areas as the shares, beside their names; ``topic`` has a ring.

    Parameters
    ----------
    placed
        One row a topic, indexed by its name: ``x``, ``y`` and ``share``.
    explained
        Share of the squared distances along each axis.
    """
    shares = placed["share"].to_numpy(float)
    rows = [
        clean(f"{k + 1} {name} {100 * share:.1f} %", LONGEST, SMALL)
        for k, (name, share) in enumerate(zip(placed.index, shares, strict=True))
    ]
    columns = [rows[a : a + ROWS] for a in range(0, len(rows), ROWS)]
    widths = [max(wide(row, SMALL) for row in column) + 3 for column in columns]
    beside = sum(widths) + GAP
    figure = sheet(LEFT + SIDE + beside + EDGE, EDGE + SIDE + BELOW + FOOT)
    axes = place(figure, LEFT, EDGE, SIDE, SIDE)
    xy = placed[["x", "y"]].to_numpy(float)
    size = np.maximum(LEAST, WHOLE * np.sqrt(np.maximum(shares, 0)))
    low, high = xy.min(0), xy.max(0)
    half = max(float((high - low).max()) / 2, 1e-3) * SIDE / max(SIDE - size.max() - 3, 20.0)
    middle = (low + high) / 2
    axes.set(
        xlim=(middle[0] - half, middle[0] + half),
        ylim=(middle[1] - half, middle[1] + half),
        xticks=[],
        yticks=[],
        xlabel=f"coordinate 1 ({100 * explained[0]:.0f} % of squared distance)",
        ylabel=f"coordinate 2 ({100 * explained[1]:.0f} % of squared distance)",
    )
    axes.spines[:].set_visible(False)
    points = 72 / 25.4
    colours = topic_colours(len(placed))
    for k in np.argsort(-size, kind="stable"):
        ring = INK if k == topic else MISSING
        x, y = xy[k].tolist()
        axes.scatter(
            x,
            y,
            s=(size[k] * points) ** 2,
            c=[colours[k]],
            alpha=0.85,
            linewidths=1.6 if k == topic else 0.4,
            edgecolors=ring,
        )
        weight = "bold" if k == topic else "normal"
        axes.text(
            x,
            y,
            str(k + 1),
            size=SMALL,
            color=ink(colours[k]),
            ha="center",
            va="center_baseline",
            weight=weight,
        )
    at = LEFT + SIDE + GAP
    for column, width in zip(columns, widths, strict=True):
        key = place(figure, at, EDGE, width, ROW * ROWS)
        key.set(xlim=(0, width), ylim=(ROW * ROWS, 0))
        key.set_axis_off()
        for row, words in enumerate(column):
            key.text(0, ROW * (row + 0.5), words, size=SMALL, va="center_baseline")
        at += width
    return figure
