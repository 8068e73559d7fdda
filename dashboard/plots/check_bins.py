"""Titles, heights and axis labels of charts of the counts of a gene."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from engine.checks.predictive.discrepancies import DISCREPANCIES

LOW, HIGH = ("low_90", "low_50"), ("high_90", "high_50")
ACROSS = "counts of a cell (bins widen above 16)"
Ticks = list[tuple[float, str]]


@dataclass(frozen=True)
class Kind:
    """A way to draw counts of a gene: its name, and the title of its axis."""

    words: str
    axis: str


KINDS = {
    "histogram": Kind("Histogram", "cells per count (√ scale)"),
    "rootogram": Kind("Rootogram", "√ predicted cells per count, bars √ observed hang"),
    "ecdf": Kind("ECDF", "share of cells with at most so many"),
}
# Words for a misfit, by discrepancy; `SHORT` where there is little room.
WORDS = {name: one.short for name, one in DISCREPANCIES.items()}
SHORT = {name: one.shortest or one.short for name, one in DISCREPANCIES.items()}


def limits(shown: pd.DataFrame, kind: str) -> tuple[float, float]:
    """The least and largest height of the bars of one gene, see `engine.checks.count_bars`."""
    heights = shown[[*LOW, *HIGH, "line", "seen"]].to_numpy()
    low, high = float(heights.min()), float(heights.max())
    if kind == "ecdf":
        return max(low - 0.08 * (1 - low) - 0.01, 0.0), 1.0
    return min(low, 0.0), max(high, 1.0)


def ticks(shown: pd.DataFrame, kind: str) -> tuple[Ticks, Ticks]:
    """(position, words) of the ticks of both axes: few, as panels are small."""
    last = len(shown) - 1
    names = shown["range"].tolist()
    positions = sorted({0, last // 2, last} if last > 3 else {0, last})
    x = [(position + 0.5, names[position].split("–")[0]) for position in positions]
    low, high = limits(shown, kind)
    if kind == "rootogram":
        return x, [(0.0, "0"), (high, f"{high:.3g}")]
    if kind == "ecdf":
        return x, [(low, f"{low:.2f}"), (high, "1")]
    return x, [(0.0, "0"), (high, f"{high**2:,.0f}")]
