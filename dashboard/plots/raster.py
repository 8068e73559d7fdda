"""Many points as an image, at the pixels of the plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import datashader as ds
import datashader.transfer_functions as tf
import numpy as np
import pandas as pd
from scipy import ndimage

from dashboard.plots.colours import Colouring
from dashboard.plots.style import ACCENT, MISSING, Span

CLEAR, FAINT = 0.95, 0.45
LEAST_ALPHA = 110
GREY = [int(MISSING[j : j + 2], 16) for j in (1, 3, 5)]
# Packed as the pixels are.
EDGE = int.from_bytes(bytes.fromhex(f"{ACCENT[1:]}ff"), "little")


@dataclass(frozen=True)
class Window:
    """The visible part of the plane, and its size in pixels."""

    x: Span
    y: Span
    width: int
    height: int

    def canvas(self) -> ds.Canvas:
        """The window as a canvas of Datashader."""
        return ds.Canvas(self.width, self.height, x_range=self.x, y_range=self.y)


class Raster:
    """Points of the plane; caches the grey image, which colours and selection do not change."""

    def __init__(self, xy: np.ndarray) -> None:
        self._xy = np.array(xy.T, np.float32, order="C")
        self._grey: tuple[Window, tf.Image] | None = None

    def draw(self, colouring: Colouring, selected: np.ndarray | None, window: Window) -> np.ndarray:
        """(height, width) packed RGBA, the lowest row first.

        Mean colours, more opaque where more cells are. Where cells are selected, they keep
        their colours within an outline, and all cells are grey behind them.
        """
        if selected is None:
            return self._draw_colours(colouring.rgb(), slice(None), window).to_numpy()
        index = np.flatnonzero(selected)
        coloured = self._draw_colours(colouring.rgb(index), index, window)
        image = tf.stack(self._draw_grey(window), coloured).to_numpy()
        inside = coloured.to_numpy() > 0
        return np.where(ndimage.binary_dilation(inside) & ~inside, np.uint32(EDGE), image)

    def _draw_colours(self, rgb: np.ndarray, index: Any, window: Window) -> tf.Image:
        x, y = self._xy[:, index]
        table = pd.DataFrame({"x": x, "y": y, "r": rgb[:, 0], "g": rgb[:, 1], "b": rgb[:, 2]})
        wanted = ds.summary(n=ds.count(), r=ds.mean("r"), g=ds.mean("g"), b=ds.mean("b"))
        pixels = window.canvas().points(table, "x", "y", wanted)
        return _shade(pixels["n"], [pixels[name].to_numpy() for name in "rgb"], CLEAR)

    def _draw_grey(self, window: Window) -> tf.Image:
        if self._grey is None or self._grey[0] != window:
            x, y = self._xy
            count = window.canvas().points(pd.DataFrame({"x": x, "y": y}), "x", "y", ds.count())
            self._grey = window, _shade(count, GREY, FAINT)
        return self._grey[1]


def compile_images() -> None:
    """Compile Datashader's code, which takes seconds, before the first image.

    The ends of a window must be floats: it would be compiled again for other types.
    """
    xy = np.random.default_rng(0).normal(size=(100, 2))
    colouring = Colouring("", xy[:, 0], limits=(-1, 1), palette=("#000000", "#ffffff"))
    for selected in (None, xy[:, 1] > 0):
        Raster(xy).draw(colouring, selected, Window((-3.0, 3.0), (-3.0, 3.0), 9, 9))


def _shade(count: Any, rgb: list[Any], alpha: float) -> tf.Image:
    """Pixels as packed colours; points are wider where they are sparse."""
    number = count.to_numpy()
    filled = number > 0
    most = np.quantile(number[filled], 0.99) if filled.any() else 1
    depth = (np.log1p(number) / np.log1p(most)).clip(0, 1)
    opacity = np.where(filled, alpha * (LEAST_ALPHA + (255 - LEAST_ALPHA) * depth), 0)
    packed = opacity.astype(np.uint32) << 24
    for shift, channel in zip((0, 8, 16), rgb, strict=True):
        packed |= np.where(filled, channel, 0).astype(np.uint32) << shift
    image = tf.Image(packed, coords=count.coords, dims=count.dims)
    return tf.dynspread(image, threshold=0.6, max_px=3)
