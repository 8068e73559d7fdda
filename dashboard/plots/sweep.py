"""What each number of topics or factors is worth, with the one that is suggested."""

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
    """A column of the table of a sweep, and how it is told.

    Attributes
    ----------
    title
        Of the axis, with what is good.
    error
        Column of its standard error; empty without.
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


def points(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Columns value, y, low and high of a measure; what is not known is left out."""
    y = table[measure].to_numpy(float)
    error = table[MEASURES[measure].error].to_numpy(float) if MEASURES[measure].error else 0 * y
    found = pd.DataFrame({"value": table["value"], "y": y, "low": y - error, "high": y + error})
    return found[np.isfinite(y)]


class SweepPlot:
    """Points joined by a line, with standard errors; ``figure`` is drawn once."""

    def __init__(self) -> None:
        self.figure: Any = blank(left=58, bottom=40, height=HEIGHT)
        self.figure.toolbar_location = None
        self.figure.yaxis[0].ticker.desired_num_ticks = 4
        self._ticker = FixedTicker(ticks=[])
        self.figure.xaxis.ticker = self._ticker
        empty: dict[str, Any] = {name: [] for name in ("value", "y", "low", "high")}
        self.source = ColumnDataSource(empty)
        self.suggested = ColumnDataSource({"x": []})
        self.figure.vspan(
            "x", source=self.suggested, line_color=ACCENT, line_width=10, line_alpha=0.25
        )
        self.figure.segment(
            "value", "low", "value", "high", source=self.source, line_color=MISSING, line_width=2
        )
        self.figure.line("value", "y", source=self.source, line_color=MISSING)
        drawn = self.figure.scatter(
            "value", "y", source=self.source, size=7, fill_color=ACCENT, line_color=None
        )
        self.figure.add_tools(
            HoverTool(renderers=[drawn], tooltips=[("number", "@value"), ("", "@y{0.0000}")])
        )

    def show(
        self, table: pd.DataFrame, measure: str, *, parameter: str, suggested: int | None
    ) -> None:
        """Draw a column of the table of a `Sweep`; a band marks the suggested number."""
        found = points(table, measure)
        self.source.data = {str(name): found[name].to_numpy() for name in found}
        self.suggested.data = {"x": [] if suggested is None else [suggested]}
        self._ticker.ticks = found["value"].tolist()
        self.figure.xaxis.axis_label = f"number of {parameter}"
        self.figure.yaxis.axis_label = MEASURES[measure].title
        for axis_range, low, high in (
            (self.figure.x_range, found["value"].min(), found["value"].max()),
            (self.figure.y_range, found["low"].min(), found["high"].max()),
        ):
            if len(found):
                margin = 0.08 * (high - low) or 0.5
                axis_range.update(start=float(low - margin), end=float(high + margin))
