"""A million cells as an image of discs."""

from __future__ import annotations

import numpy as np

from dashboard.plots.style import Span

DPI = 300
FINER = 2


def discs(
    xy: np.ndarray,
    rgb: np.ndarray,
    limits: tuple[Span, Span],
    side: float,
    diameter: float,
) -> np.ndarray:
    """(n, n, 4) uint8 image, its first row the highest; later cells hide earlier ones.

    Parameters
    ----------
    xy
        (C, 2) coordinates.
    rgb
        (C, 3) uint8.
    side, diameter
        Of the image and of a disc, millimetres.
    """
    pixels = round(side / 25.4 * DPI) * FINER
    radius = max(diameter / side * pixels / 2, 0.5)
    margin = int(np.ceil(radius))
    size = pixels + 2 * margin
    pixel = np.empty((len(xy), 2), np.int64)
    for axis, (low, high) in enumerate(limits):
        share = np.nan_to_num((xy[:, axis] - low) / (high - low), nan=-1.0)
        pixel[:, axis] = np.floor(np.clip(share, -1, 2) * pixels)
    inside = ((pixel >= 0) & (pixel < pixels)).all(1)
    column, row = pixel[:, 0] + margin, pixels - 1 - pixel[:, 1] + margin
    last = np.full((size, size), -1, np.int32)
    # of several assignments to one pixel the last stays
    last[row[inside], column[inside]] = np.flatnonzero(inside)
    top = np.full((pixels, pixels), -1, np.int32)
    for down in range(-margin, margin + 1):
        for right in range(-margin, margin + 1):
            if down**2 + right**2 <= radius**2:
                rows = slice(margin + down, margin + down + pixels)
                columns = slice(margin + right, margin + right + pixels)
                np.maximum(top, last[rows, columns], out=top)
    return _smooth(np.vstack([rgb, np.zeros((1, 3), np.uint8)]), top)


def _smooth(rgb: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Average the colours of neighbouring pixels; those that are -1 are transparent."""
    count = len(top) // FINER
    filled = _sums(top >= 0, count)
    image = np.empty((count, count, 4), np.uint8)
    for channel in range(3):
        # the last colour, black, stands for -1 and adds nothing
        image[..., channel] = np.round(_sums(rgb[:, channel][top], count) / np.maximum(filled, 1))
    image[..., 3] = np.round(255 * filled / FINER**2)
    return image


def _sums(values: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(values.reshape(count, FINER, count, FINER).sum((1, 3), dtype=np.float32))
