"""Topics in a plane: near if alike, large if they take many of the counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool

from dashboard.cut import cut
from dashboard.plots.names import LONGEST, blank, extent, in_view
from dashboard.plots.style import ACCENT, MISSING
from dashboard.plots.topic_colours import faded, ink, topic_colours

HEIGHT = 140
# Diameters of the discs, pixels: the least, and that of a topic that takes all counts.
LEAST, WHOLE = 17.0, 92.0
MARGIN = 0.14
WORDS = "#7d868e"


def diameters(shares: np.ndarray) -> np.ndarray:
    """Pixels, so that areas are as the shares; the smallest stay large enough to be clicked."""
    return np.maximum(LEAST, WHOLE * np.sqrt(np.maximum(shares, 0)))


class TopicMap:
    """Numbered discs at their principal coordinates; ``figure`` is drawn once.

    One unit is as long across as it is up. Choosing a topic moves a ring and pales the others.
    """

    def __init__(self) -> None:
        self.figure = blank(left=24, bottom=24, height=HEIGHT)
        self.figure.axis.ticker = FixedTicker(ticks=[])
        for axis in self.figure.axis:
            axis.axis_label_text_font_size = "11px"
        self._xy = np.zeros((0, 2))
        self._size = np.zeros(0)
        self._room = [360, 220]
        self._colours: list[str] = []
        self._chosen_topic: int | None = None
        columns = ("x", "y", "size", "colour", "number", "ink", "name", "told", "share", "below")
        self.source = ColumnDataSource({name: [] for name in columns})
        self._ring = ColumnDataSource({"x": [], "y": [], "size": []})
        self._draw()
        for name in ("inner_width", "inner_height"):
            self.figure.on_change(name, self._sized)

    def _draw(self) -> None:
        discs = self.figure.scatter(
            "x", "y", size="size", fill_color="colour", line_color=MISSING, source=self.source
        )
        for width, colour in ((5, ACCENT), (1.5, "#ffffff")):
            self.figure.scatter(
                "x",
                "y",
                size="size",
                fill_color=None,
                line_color=colour,
                line_width=width,
                source=self._ring,
            )
        middle: dict[str, Any] = {"text_align": "center", "source": self.source}
        self.figure.text(
            "x",
            "y",
            "number",
            text_color="ink",
            text_font_size="11px",
            text_baseline="middle",
            **middle,
        )
        self.figure.text(
            "x",
            "y",
            "told",
            y_offset="below",
            text_color=WORDS,
            text_font_size="11px",
            text_baseline="top",
            **middle,
        )
        words = [("", "@name"), ("share", "@share{0.0 %}")]
        self.figure.add_tools(HoverTool(renderers=[discs], tooltips=words, visible=False))

    def show(
        self,
        placed: pd.DataFrame,
        names: Sequence[str],
        explained: tuple[float, float],
        given: Sequence[bool] = (),
    ) -> None:
        """Draw other topics; none is chosen.

        Parameters
        ----------
        placed
            One row a topic: ``x``, ``y`` and ``share``.
        names
            Names of the topics.
        explained
            Share of the squared distances along each axis.
        given
            Which of the names a person has given: these are written below their disc.
        """
        self._xy = placed[["x", "y"]].to_numpy(float)
        shares = placed["share"].to_numpy(float)
        self._size = diameters(shares)
        self._colours = topic_colours(len(placed))
        self._chosen_topic = None
        labels = cut([str(name) for name in names], LONGEST)
        words_below = [
            label if own else ""
            for label, own in zip(labels, [*given, *[False] * len(placed)], strict=False)
        ]
        self.source.data = {
            "x": self._xy[:, 0],
            "y": self._xy[:, 1],
            "size": self._size,
            "colour": self._colours,
            "number": [str(k + 1) for k in range(len(placed))],
            "ink": [ink(colour) for colour in self._colours],
            "name": [str(name) for name in names],
            "told": words_below,
            "share": shares,
            "below": (self._size / 2 + 1).tolist(),
        }
        self._ring.data = {"x": [], "y": [], "size": []}
        for axis, share, name in zip(self.figure.axis, explained, "12", strict=True):
            axis.axis_label = f"coordinate {name} ({100 * share:.0f} %)"
        self._scale()

    def choose(self, topic: int | None) -> None:
        """Ring a topic, or none."""
        if topic == self._chosen_topic:
            return
        self._chosen_topic = topic
        here = [] if topic is None else [topic]
        self._ring.data = {
            "x": self._xy[here, 0],
            "y": self._xy[here, 1],
            "size": self._size[here] + 4,
        }
        on = [ink(colour) for colour in self._colours]
        # Legible on a pale disc, on a white page and on a dark one.
        words = on if topic is None else [c if k == topic else WORDS for k, c in enumerate(on)]
        self.source.data.update({"colour": faded(self._colours, topic), "ink": words})

    def at(self, x: float, y: float) -> int | None:
        """The topic whose disc is at a point; of several, the one with the nearest centre."""
        if not len(self._xy):
            return None
        unit = (self.figure.x_range.end - self.figure.x_range.start) / self._room[0]
        away = np.linalg.norm(self._xy - [x, y], axis=1) / max(unit, 1e-12)
        inside = np.where(away <= self._size / 2 + 2, away, np.inf)
        nearest = int(inside.argmin())
        return nearest if np.isfinite(inside[nearest]) else None

    def on_topic(self, action: Callable[[int], None]) -> None:
        """Call ``action(position)`` when a disc is clicked."""

        def tapped(event: Any) -> None:
            if in_view(self.figure, event.x, event.y):
                topic = self.at(event.x, event.y)
                if topic is not None:
                    action(topic)

        self.figure.on_event("tap", tapped)

    def _sized(self, name: str, _old: object, new: int | None) -> None:
        self._room[name == "inner_height"] = max(int(new or 0), 40)
        self._scale()

    def _scale(self) -> None:
        """Show all discs whole, at equal scales."""
        if not len(self._xy):
            return
        low, high = self._xy.min(0), self._xy.max(0)
        span = np.maximum(high - low, 1e-3) * (1 + MARGIN)
        # Centres cannot lie in the margins that the largest disc needs.
        room = np.maximum(np.array(self._room) - self._size.max(), 40)
        unit = float((span / room).max())
        half = unit * np.array(self._room) / 2
        middle = (low + high) / 2
        for axis_range, at, reach in zip(
            (self.figure.x_range, self.figure.y_range), middle, half, strict=True
        ):
            extent(axis_range, float(at + reach), float(at - reach))
