"""Bokeh figures with names along the axes, 1 apart."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from bokeh.models import (
    AllLabels,
    CustomJSHover,
    CustomJSTicker,
    CustomJSTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from dashboard.cut import cut
from dashboard.gene_ids import full

MARK = "▸ "
LONGEST = 13
# Font size of labels and the room beside them, pixels. Widths of characters are shares of the font
# size in DejaVu Sans, the widest font that a browser takes for the sans-serif of Bokeh.
FONT, BESIDE = 11, 6
_WIDTHS = {"…": 1.0, "▸": 0.77, " ": 0.32, "M": 0.87, "W": 0.99, "m": 0.98, "w": 0.82}
_UPPER, _OTHER, _NARROW = 0.72, 0.64, 0.4
# Otherwise a click leaves a dotted frame around the plot.
QUIET = ".bk-Canvas { --highlight-color: transparent; }"

# The beginning of a formula without its last character.
_FORMULA = re.compile(r"\$(?=\$)|\\(?=[\[(])")
_LABEL = 'return labels[Math.floor(tick)] ?? ""'
_HOVER = 'return names[Math.floor(value)] ?? ""'
# Positions of the marked names first, then from the start all that keep their distance to these.
# Only these are ticks: Bokeh measures the label of every tick several times a frame.
_TICKS = """
const {start, end, range} = cb_data
const {inner_width, inner_height} = shown.properties
const pixels = range === shown.x_range ? inner_width : inner_height
const pitch = (pixels.is_unset ? 0 : pixels.get_value()) / (end - start)
const [count, ...marked] = range.tags
const first = Math.max(0, Math.ceil(start - 0.5))
const last = Math.min((count ?? 0) - 1, Math.floor(end - 0.5))
const kept = []
const offer = (place) => {
  if (kept.every((other) => Math.abs(place - other) * pitch >= room)) kept.push(place)
}
for (const place of marked) if (first <= place && place <= last) offer(place)
for (let place = first; place <= last; place++) offer(place)
return kept.sort((a, b) => a - b).map((place) => place + 0.5)
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
            major_label_text_font_size=f"{FONT}px",
            major_label_standoff=3,
        )
    return shown


def width_of(label: str) -> int:
    """Pixels that a label takes at most."""
    of = (
        _WIDTHS.get(sign)
        or (_UPPER if sign.isupper() else _NARROW if sign in "-.,:;|'ijlft" else _OTHER)
        for sign in label
    )
    return math.ceil(FONT * sum(of))


def extent(axis_range: Any, end: float, start: float = 0.0) -> None:
    """Set the full range of an axis and show it; keep the zoom if the full range is the same."""
    if (axis_range.reset_start, axis_range.reset_end) != (start, end):
        axis_range.update(start=start, end=end, reset_start=start, reset_end=end)


def in_view(shown: Any, x: float | None, y: float | None) -> bool:
    """Whether a click lies within the frame, at its present zoom."""
    if x is None or y is None:
        return False
    x_range, y_range = shown.x_range, shown.y_range
    return bool(x_range.start <= x <= x_range.end and y_range.start <= y <= y_range.end)


def plain(text: str) -> str:
    """Text that Bokeh does not render as a formula: that loads a script of another host."""
    return _FORMULA.sub("\\g<0>\u2060", text)


class NamedAxis:
    """Names at 0.5, 1.5, ... of an axis: labels where there is room, at marked ones first.

    ``hover`` turns a position into its name for a HoverTool; ``room`` is the least distance of
    two labels, pixels.
    """

    def __init__(self, shown: Any, which: Literal["x", "y"], room: int) -> None:
        self.names: list[str] = []
        self._written: list[str] = []
        self._marked: tuple[int, ...] = ()
        self._axis = shown.xaxis[0] if which == "x" else shown.yaxis[0]
        # Bokeh reserves room for the labels that an axis has before layout: only one.
        self._beside = shown if which == "y" else None
        self._least = shown.min_border_left
        self._range = shown.x_range if which == "x" else shown.y_range
        self.hover = CustomJSHover(args={"names": []}, code=_HOVER)
        self._labels = CustomJSTickFormatter(args={"labels": []}, code=_LABEL)
        self._axis.update(
            ticker=CustomJSTicker(args={"shown": shown, "room": room}, major_code=_TICKS),
            formatter=self._labels,
            major_label_policy=AllLabels(),
            major_tick_line_color=None,
        )

    def show(
        self,
        names: Sequence[object],
        labels: Sequence[str] = (),
        longest: int = LONGEST,
        ids: Mapping[str, str] | None = None,
    ) -> None:
        """Set the names, in the order of the axis; none is marked.

        Parameters
        ----------
        labels
            The written labels, by default the names.
        longest
            Characters of a label, unless more are needed to tell two apart.
        ids
            Ids of the names, shown on hovering.
        """
        self.names, self._marked = [str(name) for name in names], ()
        self._written = [plain(label) for label in cut(labels or self.names, longest)]
        if self._beside is not None:
            widest = max((width_of(f"{MARK}{label}") for label in self._written), default=0)
            self._beside.min_border_left = max(self._least, widest + BESIDE)
        self.hover.args = {"names": [full(name, ids or {}) for name in self.names]}
        self._relabel()

    def mark(self, marked: Sequence[str]) -> tuple[int, ...]:
        """Mark names; return the positions of those on this axis."""
        wanted = {name: self.names.index(name) for name in marked if name in self.names}
        positions = tuple(wanted.values())
        if positions != self._marked:
            self._marked = positions
            self._relabel()
        return positions

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
        # Not in the arguments of the ticker, which hold the figure: when such arguments change,
        # Bokeh searches the whole document, which takes a twentieth of a second.
        self._range.tags = [len(self.names), *self._marked]
        self._labels.args = {
            "labels": [
                f"{MARK if position in self._marked else ''}{label}"
                for position, label in enumerate(self._written)
            ]
        }
