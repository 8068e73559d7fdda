"""Cells in two dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dashboard.figures.legend import Legend
from dashboard.figures.points import discs
from dashboard.figures.sheet import (
    EDGE,
    FOOT,
    POINT,
    RULE,
    SMALL,
    clean,
    colour_bar,
    place,
    published,
    sheet,
)
from dashboard.plots.colours import Colouring
from dashboard.plots.style import ACCENT, Span

SIDE, GAP, BAR = 80.0, 5.0, 3.0
LEFT, BELOW = 11.0, 10.0
# More points than these are drawn as an image: every program opens the file quickly.
MOST_VECTORS = 2000
MOST_SCATTERED = 50_000
PALE = 0.22


@published
def cells(
    xy: np.ndarray,
    colouring: Colouring,
    *,
    titles: tuple[str, str] = ("UMAP 1", "UMAP 2"),
    selected: np.ndarray | None = None,
    sd: np.ndarray | None = None,
) -> Figure:
    """One point a cell, with a legend or a colour bar; the selected ones stand out.

    Parameters
    ----------
    xy
        (C, 2) coordinates.
    selected
        (C,) mask; None selects nothing.
    sd
        (C, 2) half lengths of error bars, NaN for none.
    """
    # Units and distances of a UMAP mean nothing: no ticks, and equal scales.
    umap = titles[0].startswith("UMAP")
    left, below = (6.0, 6.0) if umap else (LEFT, BELOW)
    key = Legend(colouring, selected) if colouring.limits is None else None
    beside = key.width if key else BAR + 14
    figure = sheet(left + SIDE + GAP + beside + EDGE, EDGE + SIDE + below + FOOT)
    axes = place(figure, left, EDGE, SIDE, SIDE)
    x, y = limits(xy, equal=umap)
    axes.set(xlim=x, ylim=y, xlabel=clean(titles[0], SIDE), ylabel=clean(titles[1], SIDE))
    if umap:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    if sd is not None:
        x_error, y_error = sd.T
        across, up = xy.T
        axes.errorbar(
            across, up, y_error, x_error, fmt="none", ecolor=RULE, elinewidth=0.4, zorder=0.5
        )
    draw_cells(axes, xy, colouring, selected, (x, y))
    at = left + SIDE + GAP
    if key:
        key.draw(figure, at, EDGE, SIDE)
        return figure
    low, high = colouring.limits or (0.0, 1.0)
    beside_axes = place(figure, at, EDGE + 2, BAR, SIDE / 2)
    title = clean(colouring.title, SIDE / 2 + 8, SMALL)
    bar = colour_bar(beside_axes, colouring.palette, low, high, title)
    if selected is not None:
        words = f"{int(selected.sum()):,} selected"
        bar.ax.text(0, -0.2, words, size=SMALL, va="top", transform=bar.ax.transAxes)
    return figure


def limits(xy: np.ndarray, *, equal: bool) -> tuple[Span, Span]:
    """Limits around all points; equally wide and high if ``equal``."""
    known = xy[np.isfinite(xy).all(1)]
    if not len(known):
        return (0.0, 1.0), (0.0, 1.0)
    low, high = known.min(0).astype(float), known.max(0).astype(float)
    half = np.maximum((high - low) / 2, 1e-6) * 1.04
    if equal:
        half[:] = half.max()
    middle = (low + high) / 2
    (left, bottom), (right, top) = (middle - half).tolist(), (middle + half).tolist()
    return (left, right), (bottom, top)


def draw_cells(
    axes: Axes,
    xy: np.ndarray,
    colouring: Colouring,
    selected: np.ndarray | None,
    limits: tuple[Span, Span],
    side: float = SIDE,
) -> None:
    """The cells in a fixed shuffle, so that no label hides another; the selected on top."""
    order = np.random.default_rng(0).permutation(len(xy))
    rgb = colouring.rgb()
    if selected is not None:
        # pale, but opaque: where many lie on one another they must not look selected
        rgb = np.where(selected[:, None], rgb, 255 - PALE * (255 - rgb)).astype(np.uint8)
        order = order[np.argsort(selected[order], kind="stable")]
    xy, rgb = xy[order], rgb[order]
    edges = (0.3 * selected[order]).tolist() if selected is not None else 0
    # the discs of few cells must not merge, those of many must be seen
    diameter = float(np.clip(45 / np.sqrt(max(len(xy), 1)), 0.12, 1.1))
    if len(xy) > MOST_SCATTERED:
        image = discs(xy, rgb, limits, side, diameter)
        axes.imshow(
            image, extent=(*limits[0], *limits[1]), aspect="auto", interpolation="antialiased"
        )
        return
    axes.scatter(
        xy[:, 0],
        xy[:, 1],
        s=(diameter * POINT) ** 2,
        c=rgb / 255,
        linewidths=edges,
        edgecolors=ACCENT,
        rasterized=len(xy) > MOST_VECTORS,
    )
