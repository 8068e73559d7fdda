"""Cells side by side in their groups: stacked proportions, or scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from dashboard.figures.legend import Legend
from dashboard.figures.names import label, room
from dashboard.figures.sheet import (
    EDGE,
    FOOT,
    SMALL,
    clean,
    cleaned,
    colour_bar,
    colours,
    place,
    published,
)
from dashboard.figures.sheet import sheet as new_sheet
from dashboard.plots.colours import Colouring
from dashboard.plots.style import DIVERGING
from dashboard.plots.topic_colours import topic_colours
from dashboard.plots.topic_structure import bounds, stacked

WIDTH, HEIGHT, LEFT, GAP, BAR = 120.0, 42.0, 12.0, 4.0, 3.0
STEPS, LONGEST, TURNED = 400, 26.0, 26.0
_CRISP: dict[str, Any] = {"interpolation": "nearest"}


@published
def topic_structure(table: pd.DataFrame, column: str, *, unit: str = "") -> Figure:
    """One column a cell, in display order.

    Parameters
    ----------
    table
        Indexed by ``group`` and ``cell``; one column a topic, by its name.
    column
        The column of labels that the groups are from.
    unit
        Unit of scores, one row a factor; empty: stacked proportions.
    """
    signed = bool(unit)
    values = table.to_numpy(float)
    names = [str(name) for name in table.columns]
    groups, ends = bounds(table.index)
    shades = topic_colours(len(names))
    led = np.bincount(values.argmax(1), minlength=len(names))
    key = Legend(
        Colouring(
            "topic",
            np.zeros(0, int),
            tuple(
                (name, shade, int(cells))
                for name, shade, cells in zip(names, shades, led, strict=False)
            ),
            None,
            tuple(shades),
            tuple(names),
        ),
        None,
    )
    left = EDGE + (room(names, HEIGHT / len(names), ()) if signed else LEFT)
    beside = BAR + 14 if signed else key.width
    tall = max(HEIGHT, min(80.0, 3.0 * len(names))) if signed else HEIGHT
    figure = new_sheet(left + WIDTH + GAP + beside + EDGE, EDGE + tall + TURNED + FOOT)
    axes = place(figure, left, EDGE, WIDTH, tall)
    if signed:
        limit = float(np.quantile(np.abs(values), 0.99)) or 1.0
        axes.imshow(
            values.T, cmap=colours(DIVERGING), vmin=-limit, vmax=limit, aspect="auto", **_CRISP
        )
        label(axes, "y", names, tall / len(names))
        bar = place(figure, left + WIDTH + GAP, EDGE, BAR, min(tall, 40.0))
        colour_bar(bar, DIVERGING, -limit, limit, f"score ({unit})")
    else:
        rgb = np.array([to_rgb(shade) for shade in shades])
        image = rgb[stacked(values, STEPS)]
        axes.imshow(
            image, aspect="auto", origin="lower", extent=(-0.5, len(values) - 0.5, 0, 1), **_CRISP
        )
        axes.set_ylabel("proportion")
        key.draw(figure, left + WIDTH + GAP, EDGE, max(HEIGHT + 20, 1))
    axes.spines[:].set_visible(False)
    _name(axes, groups, ends, len(values), column)
    return figure


def _name(axes: Axes, groups: list[str], ends: list[int], count: int, column: str) -> None:
    """Names of the groups that fit below their cells, and lines between groups."""
    starts = [0, *ends[:-1]]
    least = count * 3.0 / WIDTH
    positions: list[float] = []
    words: list[str] = []
    for name, start, end in zip(groups, starts, ends, strict=True):
        middle = (start + end - 1) / 2
        if not positions or middle - positions[-1] >= least:
            positions.append(middle)
            words.append(name)
    axes.set_xticks(positions, labels=cleaned(words, LONGEST, SMALL))
    axes.tick_params(axis="x", length=0, labelsize=SMALL, rotation=45)
    for text in axes.get_xticklabels():
        text.set(ha="right", rotation_mode="anchor", parse_math=False)
    for end in ends[:-1]:
        axes.axvline(end - 0.5, color="white", linewidth=0.8)
    left = len(groups) - len(words)
    remark = f" ({left:,} narrow ones without a name)" if left else ""
    axes.set_title(clean(f"{column}{remark}", WIDTH), loc="left")
