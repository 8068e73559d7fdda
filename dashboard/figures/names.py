"""Names of genes along an axis, as many as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes

from dashboard.figures.sheet import POINT, QUIET, SMALL, cleaned, wide

SMALLEST = 3.4
# Share of the distance between two lines that capitals may fill.
FILLED = 0.92
LONGEST = 30.0
# Width of the note that names are left out, millimetres.
LEFT_OUT = 9.0


def type_size(pitch: float, largest: float = SMALL) -> float:
    """Size of names ``pitch`` millimetres apart, points; no smaller than can be read."""
    return max(SMALLEST, min(largest, FILLED * pitch * POINT))


def _step(pitch: float) -> int:
    """1 if every name fits, n if every nth does."""
    return max(1, -int(-SMALLEST // (FILLED * pitch * POINT)))


def tell_left_out(axes: Axes, pitch: float, of: str = "name") -> None:
    """Note in the empty corner of the axes that only every nth name is written, if so."""
    if (step := _step(pitch)) == 1:
        return
    nth = {2: "2nd", 3: "3rd"}.get(step, f"{step}th")
    words = f"every {nth}\n{of} is\nwritten"
    style: dict[str, Any] = {"size": 5, "color": QUIET, "ha": "right", "va": "top"}
    axes.annotate(words, (0, 0), (-3, -3), "axes fraction", "offset points", **style)


def shown(names: Sequence[str], pitch: float, marked: Sequence[str]) -> list[int]:
    """Positions of the names that fit: every one or every nth, and marked ones before others."""
    step = _step(pitch)
    positions: list[int] = []
    for position in (j for j, name in enumerate(names) if name in marked):
        if not positions or position - positions[-1] >= step:
            positions.append(position)
    taken = set(positions)
    for position in range(0, len(names), step):
        if not any(near in taken for near in range(position - step + 1, position + step)):
            positions.append(position)
    return sorted(positions)


def room(names: Sequence[str], pitch: float, marked: Sequence[str]) -> float:
    """Room that the names take beside the axis, millimetres."""
    size = type_size(pitch)
    words = cleaned([names[j] for j in shown(names, pitch, marked)], LONGEST, size, "bold")
    # The note that names are left out takes room, too.
    least = 0.0 if _step(pitch) == 1 else LEFT_OUT
    return max(least, *(wide(word, size, "bold") for word in words), 0.0) + 2


def label(
    axes: Axes,
    side: Literal["x", "y"],
    names: Sequence[str],
    pitch: float,
    marked: Sequence[str] = (),
) -> None:
    """Write the names at 0, 1, …; those of marked genes bold."""
    size, positions = type_size(pitch), shown(names, pitch, marked)
    weights = ["bold" if names[j] in marked else "normal" for j in positions]
    words = cleaned([names[j] for j in positions], LONGEST, size, "bold")
    axis = axes.xaxis if side == "x" else axes.yaxis
    axis.set_ticks(positions, labels=words)
    axis.set_tick_params(length=0, pad=1, labelsize=size, rotation=90 if side == "x" else 0)
    for text, weight in zip(axis.get_ticklabels(), weights, strict=True):
        text.set_fontweight(weight)
        text.set_parse_math(False)
        if side == "y":
            text.set_verticalalignment("center_baseline")
