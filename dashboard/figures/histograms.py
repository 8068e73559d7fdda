"""Histograms side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from dashboard.figures.sheet import published, sheet


@published
def histograms(of: Sequence[tuple[np.ndarray, str, bool]]) -> Figure:
    """Histograms of (values, title with unit, logarithmic or not)."""
    return sheet(80, 80)
