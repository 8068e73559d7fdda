"""Measures for each number of topics or factors, with the suggested number marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool

from dashboard.plots.names import blank
from dashboard.plots.style import ACCENT, MISSING

HEIGHT = 120


@dataclass(frozen=True)
class Shown:
    """A column of the table of a sweep, and its labels on the chart.

    Attributes
    ----------
    title
        Title of the axis; it may say which values are good.
    error
        Column of its standard error; empty if there is none.
    """

    words: str
    title: str
    error: str = ""


MEASURES = {
    "excess": Shown("Excess perplexity", "perplexity above the best (± SE)", "excess_se"),
    "perplexity": Shown("Perplexity", "held-out perplexity (± SE)", "perplexity_se"),
    "coherence": Shown("Coherence", "coherence (NPMI; high is good)"),
    "diversity": Shown("Diversity", "share of top genes that are unique"),
    "effective": Shown("Effective number", "effective number in use"),
    "stability": Shown("Stability", "mean cosine between seeds"),
    "seconds": Shown("Seconds", "seconds of a fit"),
}


# The last measure is only in the table of a `Selection`.
ALL = MEASURES | {"behind": Shown("Behind the best", "nats per count behind", "behind_error")}
# Fill of a point with structure: genes vary together beyond that many factors.
HOLLOW = "#00000000"


def points(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Columns x, value, y, low, high and fill of a measure; rows without a value are left out.

    The numbers are equally spaced, because tried numbers often double.
    """
    y, shown = table[measure].to_numpy(float), ALL[measure]
    error = table[shown.error].to_numpy(float) if shown.error else 0 * y
    curve = pd.DataFrame({"value": table["value"], "y": y, "low": y - error, "high": y + error})
    curve = curve.assign(x=np.arange(len(curve), dtype=float), fill=_fills(table))
    return curve[np.isfinite(y)]


def _fills(table: pd.DataFrame) -> list[str]:
    known = list(table["structure"]) if "structure" in table else []
    if all(one is None for one in known):
        return [ACCENT] * len(table)
    return [MISSING if one is None else HOLLOW if one else ACCENT for one in known]


class SweepPlot:
    """Points joined by a line, with standard errors; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure: Any = blank(left=58, bottom=40, height=HEIGHT)
        self.figure.toolbar_location = None
        self.figure.yaxis[0].ticker.desired_num_ticks = 4
        self._ticker = FixedTicker(ticks=[])
        self.figure.xaxis.ticker = self._ticker
        names = ("x", "value", "y", "low", "high", "fill")
        empty: dict[str, Any] = {name: [] for name in names}
        self.source = ColumnDataSource(empty)
        self.suggested = ColumnDataSource({"x": []})
        self.figure.vspan(
            "x", source=self.suggested, line_color=ACCENT, line_width=10, line_alpha=0.25
        )
        self.figure.segment(
            "x", "low", "x", "high", source=self.source, line_color=MISSING, line_width=2
        )
        self.figure.line("x", "y", source=self.source, line_color=MISSING)
        drawn = self.figure.scatter(
            "x", "y", source=self.source, size=7, fill_color="fill", line_color=ACCENT
        )
        self.figure.add_tools(
            HoverTool(renderers=[drawn], tooltips=[("number", "@value"), ("", "@y{0.0000}")])
        )

    def show(
        self, table: pd.DataFrame, measure: str, *, parameter: str, suggested: int | None
    ) -> None:
        """Draw a column of the table of a `Sweep`, or of another table with such columns.

        A band marks the suggested number; points are hollow where ``structure`` is true, and grey
        where it was not tested.
        """
        curve = points(table, measure)
        self.source.data = {str(name): curve[name].to_numpy() for name in curve}
        self.suggested.data = {"x": curve["x"][curve["value"] == suggested].tolist()}
        self.figure.xaxis.major_label_overrides = {
            int(x): str(value) for x, value in zip(curve["x"], curve["value"], strict=True)
        }
        self._ticker.ticks = curve["x"].astype(int).tolist()
        self.figure.xaxis.axis_label = f"number of {parameter}"
        self.figure.yaxis.axis_label = ALL[measure].title
        for axis_range, low, high in (
            (self.figure.x_range, curve["x"].min(), curve["x"].max()),
            (self.figure.y_range, curve["low"].min(), curve["high"].max()),
        ):
            if len(curve):
                margin = 0.08 * (high - low) or 0.5
                axis_range.update(start=float(low - margin), end=float(high + margin))
