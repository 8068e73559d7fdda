"""Loadings of all factors, what each explains, and the genes of one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from dashboard.figures.sheet import published, sheet


@published
def loadings(
    loadings: pd.DataFrame,
    explained: pd.Series,
    bars: pd.Series,
    *,
    factor: int,
    marked: Sequence[str] = (),
) -> Figure:
    """Genes x factors in display order under the share each factor explains, beside bars."""
    return sheet(80, 80)
