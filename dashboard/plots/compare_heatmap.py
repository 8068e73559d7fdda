"""Correlations of the same genes in two runs, one at a time, and their difference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from bokeh.models.annotations import ColorBar

from dashboard.plots.heatmap import Heatmap, clustered, colour_limit


def in_order(one: pd.DataFrame, other: pd.DataFrame) -> pd.Index:
    """Genes in an order that puts those that vary together in both runs side by side."""
    return clustered((one + other) / 2).columns


def limits(one: pd.DataFrame, other: pd.DataFrame) -> tuple[float, float]:
    """Values at which colours saturate: one for both runs, one for their difference."""
    return max(colour_limit(one), colour_limit(other)), change_limit(other - one)


def change_limit(change: pd.DataFrame) -> float:
    """Value at which colours saturate: the 99 % quantile of absolute changes, at least 0.05."""
    values = np.abs(change.to_numpy())[~np.eye(len(change), dtype=bool)]
    values = values[np.isfinite(values)]
    if not values.size:
        return 1.0
    return float(np.clip(np.ceil(20 * np.quantile(values, 0.99)) / 20, 0.05, 2))


class ComparedHeatmap(Heatmap):
    """A heatmap with a given title and scale."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = self.figure.select_one({"type": ColorBar})

    def show_as(
        self, table: pd.DataFrame, title: str, limit: float, ids: Mapping[str, str] | None = None
    ) -> None:
        """Draw a square table in display order, its colours symmetric about 0.

        The zoom stays if as many genes were shown before.
        """
        if self._bar.title != title:
            self._bar.title = title
            self._value = (title, "@image{+0.000}")
        self.show(table, ids)
        self._mapper.update(low=-limit, high=limit)
