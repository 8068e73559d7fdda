"""Topics against labels, or against the topics of another run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.names import label, room, tell_left_out
from dashboard.figures.sheet import EDGE, FOOT, colour_bar, colours, place, published, sheet
from dashboard.plots.style import DIVERGING, SEQUENTIAL

PITCH, LEAST, MOST = 4.0, 16.0, 150.0
GAP, BAR = 4.0, 3.0


@published
def topic_table(table: pd.DataFrame, title: str, *, signed: bool) -> Figure:
    """An image of a table with names on both sides; ``title`` says what the values are."""
    rows, columns = [str(name) for name in table.index], [str(name) for name in table.columns]
    high, across = (float(np.clip(PITCH * len(names), LEAST, MOST)) for names in (rows, columns))
    pitch_x, pitch_y = across / max(len(columns), 1), high / max(len(rows), 1)
    left, below = EDGE + room(rows, pitch_y, ()), room(columns, pitch_x, ())
    figure = sheet(left + across + GAP + BAR + 14, EDGE + max(high, 30.0) + below + 1 + FOOT)
    axes = place(figure, left, EDGE, across, high)
    values = table.to_numpy(float)
    known = values[np.isfinite(values)]
    most = float(np.abs(known).max(initial=0)) or 1.0
    low = -most if signed else 0.0
    palette = DIVERGING if signed else SEQUENTIAL
    axes.imshow(
        values, cmap=colours(palette), vmin=low, vmax=most, interpolation="nearest", aspect="auto"
    )
    axes.spines[:].set_visible(False)
    label(axes, "x", columns, pitch_x)
    label(axes, "y", rows, pitch_y)
    # The axis with less room for names.
    tell_left_out(axes, *min((pitch_y, "row"), (pitch_x, "column")))
    bar = place(figure, left + across + GAP, EDGE, BAR, min(max(high, 30.0), 40.0))
    colour_bar(bar, palette, low, most, title)
    return figure
