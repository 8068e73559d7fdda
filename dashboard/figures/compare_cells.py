"""The same cells in two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from dashboard.figures.cells import draw_cells, limits
from dashboard.figures.legend import Legend
from dashboard.figures.sheet import EDGE, FOOT, SMALL, clean, colour_bar, place, published, sheet
from dashboard.plots.colours import Colouring

SIDE, GAP, BAR, BESIDE = 62.0, 5.0, 3.0, 14.0
HEAD, BELOW = 7.0, 7.0


@dataclass(frozen=True, eq=False)
class Panel:
    """One run: its name, (C, 2) coordinates and their titles, colours, and a mask or None."""

    name: str
    xy: np.ndarray
    titles: tuple[str, str]
    colouring: Colouring
    selected: np.ndarray | None


@published
def compare_cells(panels: Sequence[Panel]) -> Figure:
    """Panels side by side; a legend of labels once, a colour bar for each run otherwise."""
    labels = panels[0].colouring.limits is None and panels[-1].colouring.limits is None
    key = Legend(panels[0].colouring, panels[0].selected) if labels else None
    each = 6.0 + SIDE + GAP + (0.0 if labels else BAR + BESIDE)
    width = len(panels) * each + (key.width + 2 if key else 0.0) + EDGE
    figure = sheet(width, HEAD + SIDE + BELOW + FOOT)
    for number, panel in enumerate(panels):
        left = number * each + 6.0
        axes = place(figure, left, HEAD, SIDE, SIDE)
        axes.set_title(clean(panel.name, SIDE), loc="left")
        x, y = limits(panel.xy, equal=panel.titles[0].startswith("UMAP"))
        axes.set(xlim=x, ylim=y, xticks=[], yticks=[])
        axes.set(xlabel=clean(panel.titles[0], SIDE), ylabel=clean(panel.titles[1], SIDE))
        axes.spines[:].set_visible(False)
        draw_cells(axes, panel.xy, panel.colouring, panel.selected, (x, y), SIDE)
        if panel.colouring.limits is not None:
            low, high = panel.colouring.limits
            bar = place(figure, left + SIDE + GAP - 2, HEAD + 2, BAR, SIDE / 2)
            title = clean(panel.colouring.title, SIDE / 2 + 8, SMALL)
            colour_bar(bar, panel.colouring.palette, low, high, title)
    if key:
        key.draw(figure, len(panels) * each + 2, HEAD, SIDE)
    return figure
