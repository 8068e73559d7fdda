"""Cells in two dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from dashboard.figures.sheet import published, sheet
from dashboard.plots.colours import Colouring


@published
def cells(
    xy: np.ndarray,
    colouring: Colouring,
    *,
    titles: tuple[str, str] = ("UMAP 1", "UMAP 2"),
    selected: np.ndarray | None = None,
) -> Figure:
    """One point a cell, with a legend or a colour bar; the selected ones stand out.

    Parameters
    ----------
    xy
        (C, 2) coordinates.
    selected
        (C,) mask; None selects nothing.
    """
    return sheet(80, 80)
