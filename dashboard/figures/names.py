"""Names of genes along an axis, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes

from dashboard.figures.sheet import POINT, SMALL, cleaned, wide

SMALLEST = 3.4
# Of the distance between two lines of capitals, which letters may fill.
FILLED = 0.92
LONGEST = 30.0


def type_size(pitch: float, largest: float = SMALL) -> float:
    """Size of names ``pitch`` millimetres apart, points; no smaller than can be read."""
    return max(SMALLEST, min(largest, FILLED * pitch * POINT))


def shown(names: Sequence[str], pitch: float, marked: Sequence[str]) -> list[int]:
    """Places of the names that fit: every one or every nth, and marked ones before others."""
    step = max(1, -int(-SMALLEST // (FILLED * pitch * POINT)))
    chosen: list[int] = []
    for place in (j for j, name in enumerate(names) if name in marked):
        if not chosen or place - chosen[-1] >= step:
            chosen.append(place)
    taken = set(chosen)
    for place in range(0, len(names), step):
        if not any(near in taken for near in range(place - step + 1, place + step)):
            chosen.append(place)
    return sorted(chosen)


def room(names: Sequence[str], pitch: float, marked: Sequence[str]) -> float:
    """Room that the names take beside the axis, millimetres."""
    size = type_size(pitch)
    words = cleaned([names[j] for j in shown(names, pitch, marked)], LONGEST, size, "bold")
    return max((wide(word, size, "bold") for word in words), default=0.0) + 2


def label(
    axes: Axes,
    side: Literal["x", "y"],
    names: Sequence[str],
    pitch: float,
    marked: Sequence[str] = (),
) -> None:
    """Write the names at 0, 1, …; those of marked genes bold."""
    size, places = type_size(pitch), shown(names, pitch, marked)
    weights = ["bold" if names[j] in marked else "normal" for j in places]
    words = cleaned([names[j] for j in places], LONGEST, size, "bold")
    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_ticks(places, labels=words)
    axis.set_tick_params(length=0, pad=1, labelsize=size, rotation=90 if side == "x" else 0)
    for text, weight in zip(axis.get_ticklabels(), weights, strict=True):
        text.set_fontweight(weight)
        text.set_parse_math(False)
        if side == "y":
            text.set_verticalalignment("center_baseline")
