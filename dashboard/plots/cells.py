"""Cells in two dimensions, as points while they can be told apart and as an image beyond."""

from __future__ import annotations

import datashader as ds
import datashader.transfer_functions as tf
import holoviews as hv
import numpy as np
import pandas as pd

from dashboard.plots.colours import Colouring
from dashboard.plots.style import Span, frame, options, plain, span

MOST_POINTS = 20_000
HEIGHT = 160
HOVER = [("cell", "@cell"), ("value", "@value")]


def cell_points(xy: np.ndarray, names: pd.Index, colouring: Colouring) -> hv.Points:
    """One disc a cell; empty beyond `MOST_POINTS` cells, where `cell_image` takes over.

    Parameters
    ----------
    xy
        (C, 2) coordinates.
    names
        (C,) names of the cells.
    """
    if len(xy) > MOST_POINTS:
        xy, names = xy[:0], names[:0]
    count = len(xy)
    # later points hide earlier ones: a fixed shuffle keeps any one label from winning
    order = np.random.default_rng(0).permutation(count)
    table = pd.DataFrame(
        {
            "x": xy[:, 0],
            "y": xy[:, 1],
            "cell": names.astype(str),
            "value": colouring.words[:count],
            "colour": colouring.colours[:count],
        }
    ).iloc[order]
    size = float(np.clip(180 / np.sqrt(max(count, 1)), 2.5, 6))
    return hv.Points(table, ["x", "y"], ["cell", "value", "colour"]).opts(
        color="colour", size=size, line_width=0, alpha=0.9, tools=["hover"], hover_tooltips=HOVER
    )


def cell_image(
    xy: np.ndarray, colouring: Colouring, x: Span, y: Span, width: int, height: int
) -> hv.RGB:
    """The same cells rasterised at the pixels of the plot; blank up to `MOST_POINTS` cells."""
    if len(xy) <= MOST_POINTS:
        return _rgb(np.zeros((2, 2), np.uint32), x, y)
    table = pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1]})
    canvas = ds.Canvas(max(width, 2), max(height, 2), x_range=x, y_range=y)
    if colouring.limits is None:
        names = [name for name, _, _ in colouring.labels]
        codes = pd.Categorical(colouring.words, categories=names)
        counts = canvas.points(table.assign(value=codes), "x", "y", ds.count_cat("value"))
        key = {name: colour for name, colour, _ in colouring.labels}
        shaded = tf.shade(counts, color_key=key, how="eq_hist", min_alpha=90)
    else:
        means = canvas.points(table.assign(value=colouring.values), "x", "y", ds.mean("value"))
        shaded = tf.shade(means, cmap=list(colouring.palette), how="linear", span=colouring.limits)
    return _rgb(tf.dynspread(shaded, threshold=0.6, max_px=3).to_numpy(), x, y)


def _rgb(packed: np.ndarray, x: Span, y: Span) -> hv.RGB:
    channels = packed.astype("<u4").view(np.uint8).reshape(*packed.shape, 4)
    # datashader's first row is the lowest, HoloViews' the highest
    return hv.RGB(
        channels[::-1],
        bounds=(x[0], y[0], x[1], y[1]),
        vdims=[hv.Dimension(c, range=(0, 255)) for c in "RGBA"],
    ).opts(apply_ranges=False)


def cell_frame(xy: np.ndarray, token: str, x_title: str, y_title: str) -> dict[str, object]:
    """Options of the overlay of `cell_points` and `cell_image`."""
    x, y = span(xy[:, 0]), span(xy[:, 1])
    return {
        **options(HEIGHT),
        "xlabel": x_title,
        "ylabel": y_title,
        "xticks": 0,
        "yticks": 0,
        "hooks": [plain(), frame(f"{token} {x} {y}", x, y)],
    }
