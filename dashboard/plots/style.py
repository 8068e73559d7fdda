"""Colours and options that all plots share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import colorcet as cc
import numpy as np
from bokeh.palettes import Viridis256, interp_palette

SEQUENTIAL: list[str] = list(Viridis256)
DIVERGING: list[str] = list(cc.CET_D1A)
# Limits for colours of labels: a grey one looks like cells that are not selected or have no value,
# a dark one vanishes on a dark page, a pale one on a white page.
LEAST_HUE, DARKEST, PALEST = 51, 60, 215


def _is_visible(colour: str) -> bool:
    red, green, blue = (int(colour[j : j + 2], 16) for j in (1, 3, 5))
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return max(red, green, blue) - min(red, green, blue) >= LEAST_HUE and DARKEST < light < PALEST


CATEGORICAL: list[str] = list(filter(_is_visible, cc.b_glasbey_category10))
# Points of a middle value must be visible on a white page and on a dark one.
DIVERGING_POINTS: list[str] = list(interp_palette(("#2050da", "#b4b8c0", "#c4202b"), 256))
# Points with a share of 0 must be visible as well.
SHARES: list[str] = DIVERGING_POINTS[128:]
MISSING = "#9aa0a6"
ACCENT = "#17908a"
POSITIVE, NEGATIVE = "#b7352d", "#2f63b5"

Hook = Callable[[Any, Any], None]
Span = tuple[float, float]


def plain(left: int = 8, bottom: int = 4) -> Hook:
    """Hook: no Bokeh logo, no box, and steady room for labels, so that nothing jumps.

    Parameters
    ----------
    left, bottom
        Least room for the labels of the axes, pixels.
    """

    def apply(plot: Any, _element: Any) -> None:
        figure = plot.state
        figure.toolbar.logo = None
        figure.outline_line_color = None
        figure.min_border_left, figure.min_border_right = left, 8
        figure.min_border_top, figure.min_border_bottom = 10, bottom

    return apply


def frame(token: str, x: Span, y: Span) -> Hook:
    """Hook: show x by y, but only when ``token`` is new.

    A plot whose data change keeps the zoom its reader chose; one that shows something
    else starts at its full extent.
    """

    def apply(plot: Any, _element: Any) -> None:
        if plot.handles.get("frame_token") == token:
            return
        plot.handles["frame_token"] = token
        for axis, (low, high) in (("x_range", x), ("y_range", y)):
            axis_range = plot.handles[axis]
            axis_range.update(start=low, end=high, reset_start=low, reset_end=high)

    return apply


def span(values: np.ndarray, margin: float = 0.06) -> Span:
    """Round-ish limits around the finite values.

    The half-width is rounded up to a power of 1.25, so that limits of slowly drifting
    data change rarely.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return (0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    half = max((high - low) / 2 * (1 + margin), 1e-6)
    half = float(1.25 ** np.ceil(np.log(half) / np.log(1.25)))
    step = half / 8
    centre = float(np.round((low + high) / 2 / step) * step)
    return (centre - half, centre + half)


def options(
    height: int, tools: Iterable[str] = ("pan", "wheel_zoom", "box_zoom")
) -> dict[str, Any]:
    """Options of a figure that fills its card."""
    return {
        "responsive": True,
        "min_height": height,
        "default_tools": [*tools, "reset"] if tools else [],
        "active_tools": [],
        "autohide_toolbar": True,
        "toolbar": "right" if tools else None,
        "fontsize": {"labels": "12px", "ticks": "11px", "title": "13px"},
    }
