"""The points inside a box or an outline drawn in a plot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely

TILES = 64
MOST_CORNERS = 20_000


def inside(xy: np.ndarray, geometry: Mapping[str, Any]) -> np.ndarray | None:
    """(C,) mask of the points within a box or an outline; None if it is neither.

    Parameters
    ----------
    xy
        (C, 2) coordinates.
    geometry
        Of a `bokeh.events.SelectionGeometry`; it comes from a browser and is not trusted.
    """
    try:
        if geometry.get("type") == "rect":
            corners = np.array([float(geometry[name]) for name in ("x0", "y0", "x1", "y1")])
            outline = corners.reshape(2, 2)
        elif geometry.get("type") == "poly":
            outline = np.column_stack([np.asarray(geometry[name], float) for name in ("x", "y")])
        else:
            return None
    except (KeyError, TypeError, ValueError):
        return None
    if outline.shape[1:] != (2,) or len(outline) > MOST_CORNERS:
        return None
    if not np.isfinite(outline).all() or len(np.unique(outline, axis=0)) < 2:
        return None
    low, high = outline.min(0), outline.max(0)
    # one comparison after another: far quicker than on both columns at once
    x, y = xy[:, 0], xy[:, 1]
    mask = np.asarray((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    if geometry["type"] == "poly":
        candidates = np.flatnonzero(mask)
        mask[candidates] = _within(outline, x[candidates], y[candidates])
    return mask


def _within(outline: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) mask of the points, all in its bounds, inside an outline that may cross itself."""
    line = shapely.LineString([*outline, outline[0]])
    area = shapely.unary_union(shapely.polygonize([shapely.unary_union(line)]))
    shapely.prepare(area)
    # Most points need no test of their own: their tile lies wholly inside or outside.
    low, size = outline.min(0), np.maximum(np.ptp(outline, axis=0) / TILES, 1e-300)
    columns, rows = (
        ((values - start) / step).astype(np.int32).clip(0, TILES - 1)
        for values, start, step in zip((x, y), low, size, strict=True)
    )
    left, bottom = np.meshgrid(*(low[:, None] + size[:, None] * np.arange(TILES)))
    tiles = shapely.box(left, bottom, left + size[0], bottom + size[1])
    full, touched = shapely.contains(area, tiles), shapely.intersects(area, tiles)
    result = full[rows, columns]
    open_ = np.flatnonzero((touched & ~full)[rows, columns])
    result[open_] = shapely.contains_xy(area, x[open_], y[open_])
    return np.asarray(result)
