"""All genes, or pairs of them: a statistic observed over predicted, one point each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import (
    ColumnDataSource,
    CustomJSTicker,
    CustomJSTickFormatter,
    HoverTool,
    WheelZoomTool,
)

from dashboard.plots.names import blank, extent, in_view
from dashboard.plots.style import ACCENT, MISSING, POSITIVE
from engine.checks.predictive.discrepancies import DISCREPANCIES

HEIGHT = 120
# The tables of pairs that a chart draws.
PAIRS, MISSED = "pairs", "missed"
# Pixels from a point within which a click is meant for it.
NEAR = 9.0
LEAST = 1e-6
# Ticks of logarithms are at 1, 2 and 5 times the powers of ten, or at some of these.
_TICKS = """
const {start, end} = cb_data
const span = end - start
const found = []
if (log) {
  const parts = span > 2.2 ? [1] : span > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8]
  const step = span > 2.2 ? Math.ceil(span / 6) : 1
  for (let decade = Math.floor(start); decade <= end; decade += step)
    for (const part of parts) found.push(decade + Math.log10(part))
} else {
  const least = span / 6
  const power = 10 ** Math.floor(Math.log10(least))
  const step = power * [1, 2, 5, 10].find((part) => part * power >= least)
  for (let place = Math.ceil(start / step); place * step <= end; place++) found.push(place * step)
}
return found.filter((at) => start <= at && at <= end)
"""
_WRITE = """
const value = Math.abs(tick) < 1e-12 && !log ? 0 : log ? 10 ** tick : tick
return value.toLocaleString("en-US", {maximumSignificantDigits: 3}).replace("-", "−")
"""


@dataclass(frozen=True)
class Chart:
    """The columns that a chart draws against each other.

    Attributes
    ----------
    of
        Discrepancy of the table of genes; of pairs `PAIRS` in detail, or `MISSED` of all.
    against_mean
        The observed mean is across, and bands are vertical; else the prediction is across.
    log
        Whether the axes x and y are logarithmic.
    """

    words: str
    of: str
    x: str
    y: str
    against_mean: bool = False
    log: tuple[bool, bool] = (False, False)


_DRAWN = [(name, one.chart) for name, one in DISCREPANCIES.items() if one.chart is not None]
CHARTS = {
    chart.key or name: Chart(chart.words, name, chart.x, chart.y, chart.against_mean, chart.log)
    for name, chart in sorted(_DRAWN, key=lambda drawn: drawn[1].key != "zeros")
} | {
    "pairs": Chart("Correlation", PAIRS, "predicted correlation of log counts", "observed"),
    "missed": Chart("All pairs", MISSED, "predicted correlation of residuals", "observed"),
}


def drawn(points: pd.DataFrame, chart: Chart) -> pd.DataFrame:
    """One row a point: ``x``, ``y``, the ends ``x0`` to ``y1`` of its 90 % band and ``fit`` (where
    it is predicted, ``px`` and ``py``), logarithms where the axis is logarithmic.

    Parameters
    ----------
    points
        `engine.checks.gene_points` or `pair_points`.
    """

    def on(values: pd.Series, log: bool, like: pd.Series) -> np.ndarray:
        numbers = values.to_numpy(float)
        if not log:
            return numbers
        # Zero is drawn just below the smallest positive value.
        above = like[like > 0]
        return np.log10(np.maximum(numbers, above.min() / 2 if len(above) else LEAST))

    across = points["mean"] if chart.against_mean else points["predicted"]
    values = pd.concat([points["observed"], points["predicted"]])
    x, y = on(across, chart.log[0], across), on(points["observed"], chart.log[1], values)
    along = chart.log[chart.against_mean]
    low, high = (on(points[name], along, values) for name in ("low_90", "high_90"))
    expected = on(points["predicted"], chart.log[1], values)
    if chart.against_mean:
        ends = {"x0": x, "x1": x, "y0": low, "y1": high, "px": x, "py": expected}
    else:
        ends = {"x0": low, "x1": high, "y0": y, "y1": y, "px": x, "py": x}
    gene = points["gene"].astype(str)
    names = gene if "other" not in points else gene + " × " + points["other"].astype(str)
    hover = {name: points[name].to_numpy(float) for name in ("observed", "predicted", "q_value")}
    hover |= {"low": points["low_90"].to_numpy(float), "high": points["high_90"].to_numpy(float)}
    off = points["misfit"].to_numpy(bool)
    # Misfits differ in shape as well as in colour.
    look = {"colour": np.where(off, POSITIVE, ACCENT), "shape": np.where(off, "diamond", "circle")}
    look["size"] = np.where(off, 8.0, 4.5)
    return pd.DataFrame({"x": x, "y": y, **ends, **hover, "name": names.to_numpy(), **look})


class Scale:
    """An axis of numbers or of their decimal logarithms, which is written with the numbers."""

    def __init__(self, axis: Any) -> None:
        self._ticker = CustomJSTicker(args={"log": False}, major_code=_TICKS)
        self._written = CustomJSTickFormatter(args={"log": False}, code=_WRITE)
        axis.update(ticker=self._ticker, formatter=self._written)

    def show(self, *, log: bool) -> None:
        """Label the axis with logarithms or not."""
        self._ticker.args = self._written.args = {"log": log}


class CheckPoints:
    """Points over their predictions; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure: Any = blank(left=52, bottom=30, height=HEIGHT)
        self._names: list[tuple[str, ...]] = []
        self._room = [360.0, 220.0]
        columns = ("x", "y", "x0", "x1", "y0", "y1", "px", "py", "name", "colour", "shape", "size")
        hover = ("observed", "predicted", "low", "high", "q_value")
        self.source = ColumnDataSource({name: [] for name in (*columns, *hover)})
        self._rings = ColumnDataSource({"x": [], "y": []})
        self._rule = ColumnDataSource({"x": [], "y": []})
        shown = self.figure
        shown.line("x", "y", source=self._rule, line_color=MISSING, line_width=1)
        shown.segment(
            "x0", "y0", "x1", "y1", source=self.source, line_color=MISSING, line_alpha=0.45
        )
        shown.scatter("px", "py", source=self.source, size=2.5, fill_color=MISSING, line_color=None)
        dots = shown.scatter(
            "x",
            "y",
            source=self.source,
            size="size",
            marker="shape",
            fill_color="colour",
            line_color=None,
            fill_alpha=0.8,
        )
        shown.scatter(
            "x", "y", source=self._rings, size=11, fill_color=None, line_color=ACCENT, line_width=2
        )
        words = [
            ("", "@name"),
            ("observed", "@observed{0.[0000]}"),
            ("predicted", "@predicted{0.[0000]}"),
            ("90 %", "@low{0.[0000]} – @high{0.[0000]}"),
        ]
        shown.add_tools(HoverTool(renderers=[dots], tooltips=words, visible=False))
        shown.toolbar.active_scroll = shown.select_one({"type": WheelZoomTool})
        self._scales = [Scale(shown.xaxis[0]), Scale(shown.yaxis[0])]
        for name in ("inner_width", "inner_height"):
            shown.on_change(name, self._sized)

    def show(self, points: pd.DataFrame, chart: Chart) -> None:
        """Draw other points; none is marked. Misfits come last, and so on top."""
        points = points.sort_values("misfit", kind="stable")
        table = drawn(points, chart)
        parts = ["gene"] if "other" not in points else ["gene", "other"]
        self._names = list(points[parts].astype(str).itertuples(index=False, name=None))
        self.source.data = {
            str(name): table[name].to_numpy()
            if table[name].dtype.kind == "f"
            else table[name].tolist()
            for name in table
        }
        self._rings.data = {"x": [], "y": []}
        ends = _ends(table)
        whole = (min(ends[0][0], ends[1][0]), max(ends[0][1], ends[1][1]))
        if not chart.against_mean:
            ends = [whole, whole]
        rule: list[float] = [] if chart.against_mean else list(whole)
        self._rule.data = {"x": rule, "y": rule}
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = chart.x, chart.y
        ranges = (self.figure.x_range, self.figure.y_range)
        for axis_range, scale, log, (low, high) in zip(
            ranges, self._scales, chart.log, ends, strict=True
        ):
            extent(axis_range, high, low)
            scale.show(log=log)

    def mark(self, marked: Sequence[str]) -> None:
        """Ring the points of genes, or the pairs that are among them."""
        wanted = set(marked)
        here = [
            place for place, names in enumerate(self._names) if wanted and wanted.issuperset(names)
        ]
        x, y = (np.asarray(self.source.data[name], float)[here] for name in ("x", "y"))
        self._rings.data = {"x": x, "y": y}

    def at(self, x: float, y: float) -> tuple[str, ...] | None:
        """The gene or pair of the nearest point, if it is within `NEAR` pixels."""
        if not self._names:
            return None
        across = (self.figure.x_range.end - self.figure.x_range.start) / self._room[0]
        up = (self.figure.y_range.end - self.figure.y_range.start) / self._room[1]
        away = np.hypot(
            (np.asarray(self.source.data["x"]) - x) / across,
            (np.asarray(self.source.data["y"]) - y) / up,
        )
        nearest = int(away.argmin())
        return self._names[nearest] if away[nearest] <= NEAR else None

    def on_point(self, action: Callable[[tuple[str, ...]], None]) -> None:
        """Call ``action(names)`` when a point is clicked: of one gene, or of the two of a pair."""

        def tapped(event: Any) -> None:
            if in_view(self.figure, event.x, event.y):
                names = self.at(event.x, event.y)
                if names is not None:
                    action(names)

        self.figure.on_event("tap", tapped)

    def _sized(self, name: str, _old: object, new: int | None) -> None:
        self._room[name == "inner_height"] = max(float(new or 0), 40.0)


def _ends(table: pd.DataFrame) -> list[tuple[float, float]]:
    spans = []
    for names in (("x", "x0", "x1"), ("y", "y0", "y1")):
        values = table[list(names)].to_numpy(float)
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        margin = 0.04 * (high - low) or 0.5
        spans.append((low - margin, high + margin))
    return spans
