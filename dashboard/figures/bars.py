"""Signed bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dashboard.figures.names import label, room, tell_left_out
from dashboard.figures.sheet import EDGE, FOOT, INK, clean, place, published, sheet
from dashboard.plots.style import NEGATIVE, POSITIVE

WIDTH, PITCH, HIGHEST = 55.0, 3.0, 200.0
HEAD, BELOW = 6.0, 9.0


@published
def bars(values: pd.Series, *, title: str, xlabel: str, ends: pd.DataFrame | None = None) -> Figure:
    """One horizontal bar a name, the first on top; red is positive, blue negative.

    Parameters
    ----------
    ends
        ``low`` and ``high`` of the interval of each value.
    """
    pitch = min(PITCH, HIGHEST / max(len(values), 1))
    height = pitch * max(len(values), 4)
    left = EDGE + room([str(name) for name in values.index], pitch, ())
    figure = sheet(left + WIDTH + EDGE, HEAD + height + BELOW + FOOT)
    axes = place(figure, left, HEAD, WIDTH, height)
    axes.set_title(clean(title, WIDTH), loc="left")
    draw_bars(axes, values, pitch, xlabel, WIDTH, ends=ends)
    return figure


def draw_bars(
    axes: Axes,
    values: pd.Series,
    pitch: float,
    xlabel: str,
    width: float,
    marked: Sequence[str] = (),
    ends: pd.DataFrame | None = None,
) -> None:
    """Bars with their names, ``pitch`` millimetres apart.

    Parameters
    ----------
    ends
        ``low`` and ``high`` of the interval of each value.
    """
    numbers = values.to_numpy(float)
    positions = np.arange(len(numbers))
    colours = np.where(numbers >= 0, POSITIVE, NEGATIVE).tolist()
    axes.barh(positions, numbers, height=0.74, color=colours, linewidth=0)
    axes.set(ylim=(max(len(positions), 4) - 0.5, -0.5), xlabel=clean(xlabel, width))
    if ends is not None:
        axes.hlines(positions, ends["low"], ends["high"], color=INK, linewidth=0.5)
        numbers = np.concatenate([numbers, ends[["low", "high"]].to_numpy(float).ravel()])
    known = numbers[np.isfinite(numbers)]
    low, high = float(known.min(initial=0)), float(known.max(initial=0))
    margin = 0.03 * (high - low) or 1.0
    axes.set_xlim(low - (low < 0) * margin, high + (high > 0 or low == 0) * margin)
    axes.axvline(0, color=INK, linewidth=0.5)
    axes.spines["left"].set_visible(False)
    label(axes, "y", [str(name) for name in values.index], pitch, marked)
    tell_left_out(axes, pitch)
