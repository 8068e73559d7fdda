"""Genes of a topic as bars, in front of their frequency in all cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from bokeh.models import BasicTickFormatter, ColumnDataSource, HoverTool

from dashboard.gene_ids import full
from dashboard.plots.loading_bars import LoadingBars
from dashboard.plots.loadings import top_loadings
from dashboard.plots.names import extent
from dashboard.plots.style import MISSING, NEGATIVE, POSITIVE

BEHIND = "behind"
INTERVAL = {"low", "high"}


class TopicBars(LoadingBars):
    """The best genes of a ranking, the first at the top; ``figure`` is drawn once."""

    def __init__(self) -> None:
        super().__init__()
        # Probabilities are some thousandths: labels as powers of ten would overlap.
        self.figure.xaxis.formatter = BasicTickFormatter(use_scientific=False)
        self.figure.xaxis[0].ticker.desired_num_ticks = 3
        self._table = pd.DataFrame({"value": []})
        self._colour: str | None = None
        self._ends = False
        self._behind = ColumnDataSource({"y": [], "value": []})
        self.figure.hbar(
            "y",
            0.92,
            "value",
            source=self._behind,
            fill_color=MISSING,
            fill_alpha=0.45,
            line_color=None,
            level="underlay",
        )
        self._hover = self.figure.select_one({"type": HoverTool})

    def best(self, n: int) -> pd.DataFrame:
        """At most n rows, from the top."""
        if self._ends:
            return self._table.loc[top_loadings(self._table["value"], max(n // 2, 1)).index]
        return self._table.head(n)

    def rank(
        self,
        table: pd.DataFrame,
        title: str,
        unit: str,
        *,
        colour: str | None = None,
        ends: bool = False,
    ) -> None:
        """Draw another ranking; those marked before stay marked.

        Parameters
        ----------
        table
            One row a gene, best first: ``value``, the bar; optionally ``behind``, a bar behind it,
            ``sign``, which colours a bar if there is no ``colour``, ``low`` and ``high``, the ends
            of an interval, and ``lfsr``, a local false sign rate.
        unit
            Words for the values.
        colour
            Colour of the bars; None: red where the sign is positive, else blue.
        ends
            Draw the largest and smallest values instead of the first rows.
        """
        self._table, self._colour, self._ends = table, colour, ends
        self.figure.title.text = title
        self.figure.xaxis.axis_label = unit
        behind = [("in all cells", "@behind{0.00000}")] if BEHIND in table else []
        ends_of = [("90 %", "@low{0.00000} to @high{0.00000}")] if set(table) >= INTERVAL else []
        sure = [("false sign", "@lfsr{0.0000}")] if "lfsr" in table else []
        tooltips = [("gene", "@gene"), (unit, "@loading{0.00000}"), *behind, *ends_of, *sure]
        self._hover.tooltips = tooltips
        self._redraw()

    def _redraw(self) -> None:
        shown = self.best(self._room).iloc[::-1]
        values = shown["value"].to_numpy(float)
        sign = shown["sign"].to_numpy(float) if "sign" in shown else values
        positions = np.arange(len(shown)) + 0.5
        self.rows.show([str(name) for name in shown.index])
        data: dict[str, Any] = {
            "y": positions,
            "loading": values,
            "gene": [full(name, self.ids) for name in self.rows.names],
            "colour": np.where(sign >= 0, POSITIVE, NEGATIVE).tolist()
            if self._colour is None
            else [self._colour] * len(shown),
        }
        most = values
        if BEHIND in shown:
            data[BEHIND] = shown[BEHIND].to_numpy(float)
            most = np.concatenate([values, data[BEHIND]])
        if set(shown) >= INTERVAL:
            ends = {name: shown[name].to_numpy(float) for name in INTERVAL}
            most = np.concatenate([most, *ends.values()])
            self._errors.data = {"y": positions, **ends}
        else:
            self._errors.data = {"y": [], "low": [], "high": []}
        for name in ("low", "high", "lfsr"):
            if name in shown:
                data[name] = shown[name].to_numpy(float)
        self._bars.data = data
        behind = data.get(BEHIND, np.zeros(0))
        self._behind.data = {"y": positions[: len(behind)], "value": behind}
        low, high = (float(most.min()), float(most.max())) if len(most) else (0.0, 0.0)
        low, high = min(low, 0.0), max(high, 0.0)
        margin = 0.04 * (high - low) or 1.0
        extent(self.figure.x_range, high + margin, low - margin * (low < 0))
        extent(self.figure.y_range, float(max(len(shown), 1)))
        self.mark(self._marked)
