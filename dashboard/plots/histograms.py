"""Histograms of quantities of the cells."""

from __future__ import annotations

import holoviews as hv
import numpy as np
from bokeh.models import NumeralTickFormatter

from dashboard.plots.style import ACCENT, options, plain

HEIGHT = 180


def binned(
    values: np.ndarray, *, log: bool = True, bins: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges of at most ``bins`` bins, of equal width in the logarithm if ``log``."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values) & (values > 0 if log else True)]
    if not values.size:
        values = np.array([1.0])
    low, high = float(values.min()), float(values.max())
    if not log and (values == np.round(values)).all():
        # Equally many whole numbers in each bin, or some bins would be empty.
        width = np.ceil((high - low + 1) / bins)
        return np.histogram(values, np.arange(low - 0.5, high + 0.5 + width, width))
    if high <= low:
        low, high = low * 0.9, high * 1.1 + 1e-9
    edges = np.geomspace(low, high, bins + 1) if log else np.linspace(low, high, bins + 1)
    # rounding must not push the extreme cells out of the outer bins
    edges[0], edges[-1] = low, high
    return np.histogram(values, edges)


def cell_histogram(
    values: np.ndarray, title: str, *, log: bool = True, bins: int = 50
) -> hv.Histogram:
    """Histogram of a quantity of the cells."""
    counts, edges = binned(values, log=log, bins=bins)
    low, high = float(edges[0]), float(edges[-1])
    histogram = hv.Histogram((edges, counts), kdims="value", vdims="cells")
    return histogram.opts(
        **options(HEIGHT, tools=()),
        logx=log,
        xticks=decade_ticks(low, high) if log else 6,
        # the ticks of a logarithmic axis have their own labels
        **({} if log else {"xformatter": NumeralTickFormatter(format="0,0")}),
        color=ACCENT,
        line_width=0,
        alpha=0.85,
        xlabel=title,
        ylabel="cells",
        ylim=(0, None),
        tools=["hover"],
        framewise=True,
        hooks=[plain(56)],
    )


def decade_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """1, 2, 5, 10, … within the limits; with 3 and 7 when that gives fewer than three.

    If these are still fewer than two, as from 540 to 660, ticks are evenly spaced.
    """
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 2, 3, 5, 7)):
        ticks = np.unique(np.outer(decades, steps))
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 3:
            break
    if len(ticks) < 2:
        ticks = _even_ticks(low, high)
    return [(float(f"{tick:.12g}"), f"{tick:,.10g}") for tick in ticks]


def _even_ticks(low: float, high: float) -> np.ndarray:
    """Three or more multiples of 1, 2 or 5 times a power of ten."""
    unit = 10.0 ** np.floor(np.log10(high - low))
    for step in (unit, unit / 2, unit / 5, unit / 10):
        ticks = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
        if len(ticks) >= 3:
            break
    return ticks
