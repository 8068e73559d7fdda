"""Gene correlations."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.sheet import published, sheet


@published
def heatmap(correlation: pd.DataFrame, *, marked: Sequence[str] = ()) -> Figure:
    """Correlations in display order; names of ``marked`` genes are bold."""
    return sheet(80, 80)
