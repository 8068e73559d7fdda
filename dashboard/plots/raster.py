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
        """The same for Datashader."""
        return ds.Canvas(self.width, self.height, x_range=self.x, y_range=self.y)


class Raster:
    """Points of the plane; keeps what a change of colour or selection leaves as it is."""

    def __init__(self, xy: np.ndarray) -> None:
        self._xy = np.array(xy.T, np.float32, order="C")
        self._grey: tuple[Window, tf.Image] | None = None

    def draw(self, colouring: Colouring, selected: np.ndarray | None, window: Window) -> np.ndarray:
        """(height, width) packed RGBA, the lowest row first.

        Mean colours, more opaque where more cells are. Where cells are selected, they keep
        their colours within an outline, and all cells are grey behind them.
        """
        if selected is None:
            return self._coloured(colouring.rgb(), slice(None), window).to_numpy()
        chosen = np.flatnonzero(selected)
        coloured = self._coloured(colouring.rgb(chosen), chosen, window)
        image = tf.stack(self._faded(window), coloured).to_numpy()
        inside = coloured.to_numpy() > 0
        return np.where(ndimage.binary_dilation(inside) & ~inside, np.uint32(EDGE), image)

    def _coloured(self, rgb: np.ndarray, index: Any, window: Window) -> tf.Image:
        x, y = self._xy[:, index]
        table = pd.DataFrame({"x": x, "y": y, "r": rgb[:, 0], "g": rgb[:, 1], "b": rgb[:, 2]})
        wanted = ds.summary(n=ds.count(), r=ds.mean("r"), g=ds.mean("g"), b=ds.mean("b"))
        found = window.canvas().points(table, "x", "y", wanted)
        return _shade(found["n"], [found[name].to_numpy() for name in "rgb"], CLEAR)

    def _faded(self, window: Window) -> tf.Image:
        if self._grey is None or self._grey[0] != window:
            x, y = self._xy
            count = window.canvas().points(pd.DataFrame({"x": x, "y": y}), "x", "y", ds.count())
            self._grey = window, _shade(count, GREY, FAINT)
        return self._grey[1]


def compile_images() -> None:
    """Let the first image find Datashader's code compiled, which takes seconds.

    It is compiled anew for a window whose ends are no floats.
    """
    xy = np.random.default_rng(0).normal(size=(100, 2))
    colouring = Colouring("", xy[:, 0], limits=(-1, 1), palette=("#000000", "#ffffff"))
    for selected in (None, xy[:, 1] > 0):
        Raster(xy).draw(colouring, selected, Window((-3.0, 3.0), (-3.0, 3.0), 9, 9))


def _shade(count: Any, rgb: list[Any], alpha: float) -> tf.Image:
    """Pixels as packed colours, wider where few of them are taken."""
    number = count.to_numpy()
    seen = number > 0
    most = np.quantile(number[seen], 0.99) if seen.any() else 1
    depth = (np.log1p(number) / np.log1p(most)).clip(0, 1)
    opacity = np.where(seen, alpha * (LEAST_ALPHA + (255 - LEAST_ALPHA) * depth), 0)
    packed = opacity.astype(np.uint32) << 24
    for shift, channel in zip((0, 8, 16), rgb, strict=True):
        packed |= np.where(seen, channel, 0).astype(np.uint32) << shift
    image = tf.Image(packed, coords=count.coords, dims=count.dims)
    return tf.dynspread(image, threshold=0.6, max_px=3)
