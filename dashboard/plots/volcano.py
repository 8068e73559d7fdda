"""Effects of all genes against their certainty; without tests, against counts or errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, HoverTool, WheelZoomTool

from dashboard.plots.names import blank, extent, in_view
from dashboard.plots.style import ACCENT, MISSING, NEGATIVE, POSITIVE

SURE = 0.05
# Lower rates are drawn as this one.
LEAST = 1e-10
# Effects with rates from this one on do not set the range of the axis.
_NAMED_BELOW = 0.3
HEIGHT = 120
# Pixels from a point within which a click is meant for it.
NEAR = 9.0
RATE, COUNTS = "−log₁₀ false sign rate", "mean counts of 10,000 (log₁₀)"
ERRORS = "effect, in standard errors"


class Placed(NamedTuple):
    """Coordinates and colours of the genes, and the title of the vertical axis."""

    x: np.ndarray
    y: np.ndarray
    colours: np.ndarray
    up: str


def placed(table: pd.DataFrame, called: str) -> Placed:
    """Place the genes of a table of `engine.coefficients` or `engine.differences`."""
    x, lfsr = table[called].to_numpy(float), table["lfsr"].to_numpy(float)
    if np.isfinite(lfsr).any():
        y, up = -np.log10(np.maximum(np.nan_to_num(lfsr, nan=1.0), LEAST)), RATE
        colours = np.where(lfsr < SURE, np.where(x > 0, POSITIVE, NEGATIVE), MISSING)
        return Placed(x, y, colours, up)
    colours = np.full(len(x), ACCENT)
    if "per_10k_a" in table:
        mean = table[["per_10k_a", "per_10k_b"]].mean(axis=1).to_numpy(float)
        return Placed(x, np.log10(np.maximum(mean, 1e-3)), colours, COUNTS)
    # Coefficients have no counts; with too few donors they have no test.
    error = table["standard_error"].to_numpy(float)
    y, up = np.nan_to_num(np.abs(x) / error, posinf=0.0), ERRORS
    return Placed(x, y, colours, up)


def reach(table: pd.DataFrame, x: np.ndarray) -> float:
    """The end of the axis of effects; very uncertain effects may lie beyond it."""
    known = (table["lfsr"] < _NAMED_BELOW).to_numpy()
    effects = x[known] if known.any() else x
    return max(float(np.abs(effects).max(initial=0.1)), float(np.quantile(np.abs(x), 0.98)))


class Volcano:
    """One point a gene; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure: Any = blank(left=48, bottom=30, height=HEIGHT)
        self._room = [360.0, 220.0]
        self.source = ColumnDataSource({name: [] for name in ("x", "y", "name", "colour", "lfsr")})
        self._rings = ColumnDataSource({"x": [], "y": []})
        shown = self.figure
        shown.vspan(x=[0], line_color=MISSING, line_width=1)
        dots = shown.scatter(
            "x",
            "y",
            source=self.source,
            size=5,
            fill_color="colour",
            line_color=None,
            fill_alpha=0.75,
        )
        shown.scatter(
            "x", "y", source=self._rings, size=11, fill_color=None, line_color=ACCENT, line_width=2
        )
        words = [("", "@name"), ("effect", "@x{+0.00} nats"), ("lfsr", "@lfsr{0.0[000]}")]
        shown.add_tools(HoverTool(renderers=[dots], tooltips=words, visible=False))
        shown.toolbar.active_scroll = shown.select_one({"type": WheelZoomTool})
        for name in ("inner_width", "inner_height"):
            shown.on_change(name, self._sized)

    def show(self, table: pd.DataFrame, called: str, along: str) -> None:
        """Draw other genes; the surest come last, and so on top."""
        table = table.iloc[::-1]
        where = placed(table, called)
        self.source.data = {
            "x": where.x,
            "y": where.y,
            "name": table["gene"].astype(str).tolist(),
            "colour": where.colours.tolist(),
            "lfsr": table["lfsr"].to_numpy(float),
        }
        self._rings.data = {"x": [], "y": []}
        far = 1.1 * reach(table, where.x)
        low, high = float(where.y.min(initial=0)), float(where.y.max(initial=1))
        margin = 0.05 * (high - low) or 0.5
        extent(self.figure.x_range, far, -far)
        extent(self.figure.y_range, high + margin, low - margin)
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = along, where.up

    def clear(self) -> None:
        """Draw no gene."""
        self.source.data = {name: [] for name in self.source.data}
        self._rings.data = {"x": [], "y": []}

    def mark(self, genes: Sequence[str]) -> None:
        """Ring genes."""
        names = list(self.source.data["name"])
        here = [names.index(gene) for gene in genes if gene in names]
        x, y = (np.asarray(self.source.data[axis], float)[here] for axis in "xy")
        self._rings.data = {"x": x, "y": y}

    def on_gene(self, action: Callable[[str], None]) -> None:
        """Call ``action(gene)`` when its point is clicked."""

        def tapped(event: Any) -> None:
            if in_view(self.figure, event.x, event.y):
                gene = self._at(event.x, event.y)
                if gene is not None:
                    action(gene)

        self.figure.on_event("tap", tapped)

    def _at(self, x: float, y: float) -> str | None:
        names = self.source.data["name"]
        if not len(names):
            return None
        ranges = (self.figure.x_range, self.figure.y_range)
        across, up = (
            (axis.end - axis.start) / room for axis, room in zip(ranges, self._room, strict=True)
        )
        away = np.hypot(
            (np.asarray(self.source.data["x"]) - x) / across,
            (np.asarray(self.source.data["y"]) - y) / up,
        )
        nearest = int(away.argmin())
        return str(names[nearest]) if away[nearest] <= NEAR else None

    def _sized(self, name: str, _old: object, new: int | None) -> None:
        self._room[name == "inner_height"] = max(float(new or 0), 40.0)
