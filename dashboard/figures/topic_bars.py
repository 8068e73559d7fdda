"""Genes of a topic, in front of their frequency in all cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.bars import BELOW, HEAD, HIGHEST, PITCH, WIDTH, draw_bars
from dashboard.figures.names import room
from dashboard.figures.sheet import EDGE, FOOT, SMALL, clean, place, published, sheet
from dashboard.plots.style import MISSING, NEGATIVE, POSITIVE


@published
def topic_bars(
    table: pd.DataFrame,
    *,
    title: str,
    xlabel: str,
    colour: str | None = None,
    marked: Sequence[str] = (),
) -> Figure:
    """One bar a gene, the first on top.

    Parameters
    ----------
    table
        Indexed by gene: ``value``, and maybe ``behind``, drawn in grey behind it, and ``sign``,
        by which bars without a ``colour`` are red or blue; ``low`` and ``high`` of an interval.
    """
    pitch = min(PITCH, HIGHEST / max(len(table), 1))
    height = pitch * max(len(table), 4)
    left = EDGE + room([str(name) for name in table.index], pitch, marked)
    figure = sheet(left + WIDTH + EDGE, HEAD + height + BELOW + 3 + FOOT)
    axes = place(figure, left, HEAD, WIDTH, height)
    axes.set_title(clean(title, WIDTH), loc="left")
    ends = table[["low", "high"]] if {"low", "high"} <= set(table) else None
    unit = xlabel if ends is None else f"{xlabel}, 90 % intervals"
    draw_bars(axes, table["value"], pitch, unit, WIDTH, marked, ends)
    sign = table["sign"] if "sign" in table else table["value"]
    for bar, up in zip(axes.patches, sign.to_numpy(float) >= 0, strict=True):
        bar.set_facecolor(colour or (POSITIVE if up else NEGATIVE))
    if "behind" in table:
        behind = table["behind"].to_numpy(float)
        positions = np.arange(len(behind))
        axes.barh(
            positions, behind, height=0.96, color=MISSING, alpha=0.45, linewidth=0, zorder=0.5
        )
        axes.set_xlim(right=max(axes.get_xlim()[1], 1.03 * float(behind.max(initial=0))))
        axes.text(
            1,
            -0.02 - 9 / height,
            "grey: in all cells",
            size=SMALL,
            ha="right",
            va="top",
            transform=axes.transAxes,
        )
    return figure
