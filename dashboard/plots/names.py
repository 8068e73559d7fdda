"""Bokeh figures whose axes carry names: one name a place, places 1 apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bokeh.models import (
    Axis,
    CustomJSHover,
    CustomJSTickFormatter,
    CustomLabelingPolicy,
    FixedTicker,
    Range1d,
)
from bokeh.plotting import figure

MARK = "▸ "
LONGEST = 13
GAP = 2
# A click leaves a dotted frame around the plot otherwise.
QUIET = ".bk-Canvas { --highlight-color: transparent; }"

_LABEL = 'return labels[Math.floor(tick)] ?? ""'
_HOVER = 'return names[Math.floor(value)] ?? ""'
# Marked names first, then all that keep clear of those already there. Only places in view
# have an index, and the first of them is the lowest place at or above the start of the range.
_ROOM = """
const count = [...indices].length
const start = Math.max(0, Math.ceil(range.start - 0.5))
const kept = []
const clear = (i) => kept.every((j) => (i < j ? distance(i, j) : distance(j, i)) >= gap)
for (const i of [...range.tags.map((place) => place - start), ...indices]) {
  if (i >= 0 && i < count && !kept.includes(i) && clear(i)) kept.push(i)
}
return kept
"""


def blank(left: int, bottom: int, height: int) -> Any:
    """A figure without grid, that fills its card; its tools appear on hovering.

    Parameters
    ----------
    left, bottom
        Least room for the labels of the axes, pixels.
    height
        Least height, pixels.
    """
    shown: Any = figure(
        sizing_mode="stretch_both",
        min_height=height,
        tools="pan,wheel_zoom,box_zoom,reset",
        active_drag=None,
        active_scroll=None,
        toolbar_location="right",
        x_range=Range1d(start=0, end=1),
        y_range=Range1d(start=0, end=1),
        min_border_left=left,
        min_border_right=8,
        min_border_top=6,
        min_border_bottom=bottom,
        outline_line_color=None,
        stylesheets=[QUIET],
    )
    shown.toolbar.logo = None
    shown.toolbar.autohide = True
    shown.grid.visible = False
    shown.title.text_font_size = "12px"
    shown.title.text_font_style = "normal"
    for axis in shown.axis:
        axis.update(
            axis_line_color=None,
            minor_tick_line_color=None,
            major_tick_out=0,
            minor_tick_out=0,
            axis_label_text_font_size="12px",
            axis_label_text_font_style="normal",
            axis_label_standoff=4,
            major_label_text_font_size="11px",
            major_label_standoff=3,
        )
    return shown


def extent(axis_range: Any, end: float, start: float = 0.0) -> None:
    """Show all from start to end, unless that is what was shown in full before."""
    if (axis_range.reset_start, axis_range.reset_end) != (start, end):
        axis_range.update(start=start, end=end, reset_start=start, reset_end=end)


def in_view(shown: Any, x: float | None, y: float | None) -> bool:
    """Whether a click lies within the frame, at its present zoom."""
    if x is None or y is None:
        return False
    x_range, y_range = shown.x_range, shown.y_range
    return bool(x_range.start <= x <= x_range.end and y_range.start <= y <= y_range.end)


def short(name: str) -> str:
    """A name that fits beside a plot."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


class NamedAxis:
    """Names at 0.5, 1.5, ... of an axis: labels where there is room, at marked ones always.

    ``hover`` turns a position into its name for a HoverTool; labels keep ``gap`` pixels apart.
    """

    def __init__(self, axis: Axis, axis_range: Any, gap: int = GAP) -> None:
        self.names: list[str] = []
        self._marked: tuple[int, ...] = ()
        self._ticker = FixedTicker(ticks=[])
        self._axis, self._range = axis, axis_range
        self.hover = CustomJSHover(args={"names": []}, code=_HOVER)
        self._labels = CustomJSTickFormatter(args={"labels": []}, code=_LABEL)
        axis.update(
            ticker=self._ticker,
            formatter=self._labels,
            major_label_policy=CustomLabelingPolicy(
                args={"range": axis_range, "gap": gap}, code=_ROOM
            ),
            major_tick_line_color=None,
        )

    def show(self, names: Sequence[object]) -> None:
        """Set the names, in the order of the axis; none of them is marked."""
        self.names, self._marked = [str(name) for name in names], ()
        self._ticker.ticks = [place + 0.5 for place in range(len(self.names))]
        self.hover.args = {"names": self.names}
        self._relabel()

    def mark(self, marked: Sequence[str]) -> tuple[int, ...]:
        """Mark names; gives the places of those that are here."""
        wanted = {name: self.names.index(name) for name in marked if name in self.names}
        places = tuple(wanted.values())
        if places != self._marked:
            self._marked = places
            self._relabel()
        return places

    def at(self, value: object) -> str | None:
        """The name at a position of the axis."""
        if not isinstance(value, (int, float)) or not 0 <= value < len(self.names):
            return None
        return self.names[int(value)]

    def on_click(self, action: Callable[[str], None]) -> None:
        """Call ``action(name)`` when the label of a name is clicked."""

        def clicked(event: Any) -> None:
            if (name := self.at(event.value)) is not None:
                action(name)

        self._axis.on_event("axis_click", clicked)

    def _relabel(self) -> None:
        # Beside the policy, whose arguments hold a model: after any change of such arguments
        # Bokeh looks through the whole document, which takes a twentieth of a second.
        self._range.tags = list(self._marked)
        self._labels.args = {
            "labels": [
                f"{MARK if place in self._marked else ''}{short(name)}"
                for place, name in enumerate(self.names)
            ]
        }
