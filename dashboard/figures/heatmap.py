"""Gene correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from dashboard.figures.names import label, room, tell_left_out
from dashboard.figures.sheet import (
    EDGE,
    FOOT,
    SMALL,
    clean,
    colour_bar,
    colours,
    place,
    published,
    sheet,
)
from dashboard.plots.heatmap import VEIL, colour_limit
from dashboard.plots.style import DIVERGING

PITCH, SMALLEST, LARGEST = 2.6, 40.0, 135.0
GAP, BAR = 4.0, 3.0


@published
def heatmap(
    correlation: pd.DataFrame,
    *,
    marked: Sequence[str] = (),
    faded: np.ndarray | None = None,
    veiled: str = "",
) -> Figure:
    """Correlations in display order; names of ``marked`` genes are bold, ``faded`` pairs veiled.

    Parameters
    ----------
    veiled
        Words about the veiled pairs.
    """
    names = [str(name) for name in correlation.columns]
    side = float(np.clip(PITCH * len(names), SMALLEST, LARGEST))
    pitch = side / max(len(names), 1)
    beside = room(names, pitch, marked)
    figure = sheet(EDGE + beside + side + GAP + BAR + 12, EDGE + side + beside + 1 + FOOT)
    axes = place(figure, EDGE + beside, EDGE, side, side)
    limit = colour_limit(correlation)
    axes.imshow(
        correlation.to_numpy(float),
        cmap=colours(DIVERGING),
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
        aspect="auto",
    )
    if faded is not None and faded.any():
        veil = np.zeros((*faded.shape, 4))
        veil[faded] = to_rgba(VEIL)
        axes.imshow(veil, interpolation="nearest", aspect="auto")
        said = f"Veiled: {veiled}"
        axes.text(0, 1.01, clean(said, side, SMALL), size=SMALL, transform=axes.transAxes)
    axes.spines[:].set_visible(False)
    label(axes, "x", names, pitch, marked)
    label(axes, "y", names, pitch, marked)
    tell_left_out(axes, pitch)
    bar = place(figure, EDGE + beside + side + GAP, EDGE, BAR, min(side, 40.0))
    colour_bar(bar, DIVERGING, -limit, limit, "CLR correlation")
    return figure
