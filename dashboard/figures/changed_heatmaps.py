"""Correlations in two groups of cells, and their difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from dashboard.figures.names import label, room, tell_left_out
from dashboard.figures.sheet import EDGE, FOOT, clean, colour_bar, colours, place, published, sheet
from dashboard.plots.compare_heatmap import change_limit
from dashboard.plots.heatmap import VEIL, colour_limit
from dashboard.plots.style import DIVERGING

PITCH, SMALLEST, LARGEST = 2.4, 40.0, 100.0
HEAD, GAP, BAR, BESIDE = 6.0, 4.0, 2.5, 13.0
TITLES = "A above, B below the diagonal", "A − B; veiled: sign not sure"
BARS = "CLR correlation", "change, Fisher z"


@published
def changed_heatmaps(
    both: pd.DataFrame,
    difference: pd.DataFrame,
    veiled: np.ndarray,
    *,
    marked: Sequence[str] = (),
) -> Figure:
    """Two panels of the same genes in display order, each on its own scale.

    Parameters
    ----------
    both
        Correlations in the one group above the diagonal, in the other below.
    difference, veiled
        The difference, and the mask of pairs whose sign is not sure.
    """
    names = [str(name) for name in both.columns]
    side = float(np.clip(PITCH * len(names), SMALLEST, LARGEST))
    pitch = side / max(len(names), 1)
    beside = room(names, pitch, marked)
    panel = side + GAP + BAR + BESIDE
    figure = sheet(EDGE + beside + 2 * panel + EDGE, HEAD + side + beside + 1 + FOOT)
    limits = colour_limit(both), change_limit(difference)
    for number, (table, limit) in enumerate(zip((both, difference), limits, strict=True)):
        left = EDGE + beside + number * panel
        axes = place(figure, left, HEAD, side, side)
        axes.set_title(clean(TITLES[number], side), loc="left")
        axes.imshow(
            table.to_numpy(float),
            cmap=colours(DIVERGING),
            vmin=-limit,
            vmax=limit,
            interpolation="nearest",
            aspect="auto",
        )
        if number:
            veil = np.zeros((*veiled.shape, 4))
            veil[veiled] = to_rgba(VEIL)
            axes.imshow(veil, interpolation="nearest", aspect="auto")
            axes.set_yticks([])
        else:
            label(axes, "y", names, pitch, marked)
            tell_left_out(axes, pitch)
        axes.spines[:].set_visible(False)
        label(axes, "x", names, pitch, marked)
        bar = place(figure, left + side + GAP / 2, HEAD, BAR, min(side, 40.0))
        colour_bar(bar, DIVERGING, -limit, limit, BARS[number])
    return figure
