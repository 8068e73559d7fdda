"""Signed bars."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.sheet import published, sheet


@published
def bars(values: pd.Series, *, title: str, xlabel: str) -> Figure:
    """One horizontal bar a gene, the first on top."""
    return sheet(80, 80)
