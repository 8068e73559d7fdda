"""Loadings of all factors, what each explains, and the genes of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dashboard.figures.bars import draw_bars
from dashboard.figures.names import label, room, tell_left_out
from dashboard.figures.sheet import (
    EDGE,
    FOOT,
    SMALL,
    clean,
    colour_bar,
    colours,
    place,
    published,
    sheet,
)
from dashboard.plots.latent_words import FIRST, Words
from dashboard.plots.style import ACCENT, DIVERGING, MISSING

COLUMN, LEAST, MOST = 6.0, 36.0, 90.0
PITCH, LOWEST, HIGHEST = 2.8, 45.0, 180.0
HEAD, ABOVE, BELOW = 4.0, 17.0, 20.0
BARS, BAR_PITCH = 45.0, 6.0


@published
def loadings(
    loadings: pd.DataFrame,
    explained: pd.Series,
    bars: pd.Series,
    *,
    factor: int,
    marked: Sequence[str] = (),
    words: Words = FIRST,
    ends: pd.DataFrame | None = None,
) -> Figure:
    """Genes x factors in display order under the share each factor takes, beside bars.

    Parameters
    ----------
    explained
        Share of the CLR variance or of the counts that each factor takes, 0 to 1.
    bars
        Loadings of the chosen factor, by gene.
    factor
        Position of the chosen factor.
    ends
        ``low`` and ``high`` of the 90 % interval of each bar.
    """
    genes, others = ([str(name) for name in table.index] for table in (loadings, bars))
    pitch = min(PITCH, HIGHEST / max(len(genes), 1))
    high = max(LOWEST, pitch * len(genes))
    pitch = high / max(len(genes), 1)
    factors = loadings.shape[1]
    across = float(np.clip(COLUMN * factors, LEAST, MOST))
    bar_pitch = min(BAR_PITCH, (ABOVE + high - 4) / max(len(others), 4))
    left = EDGE + max(room(genes, pitch, marked), 9.0)
    right = left + across + EDGE + 4 + room(others, bar_pitch, marked)
    labels = words.labels([str(name) for name in loadings.columns])
    turned = not all(map(str.isdecimal, labels))
    below = BELOW + (room(labels, across / factors, ()) if turned else 0.0)
    figure = sheet(right + BARS + EDGE, HEAD + ABOVE + high + below + FOOT)

    image = place(figure, left, HEAD + ABOVE, across, high)
    limit = float(np.nanquantile(np.abs(loadings.to_numpy(float)), 0.99)) or 1.0
    image.imshow(
        loadings.to_numpy(float),
        cmap=colours(DIVERGING),
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
        aspect="auto",
    )
    image.spines[:].set_visible(False)
    label(image, "y", genes, pitch, marked)
    tell_left_out(image, pitch)
    if turned:
        label(image, "x", labels, across / factors, (labels[factor],))
    else:
        _number(image, factors, factor, across)
    image.set_xlabel(words.latent)
    _explained(place(figure, left, HEAD, across, ABOVE - 2), explained, factor, words)
    key = place(figure, left, HEAD + ABOVE + high + below - 10, min(across, 40.0), 2.5)
    colour_bar(key, DIVERGING, -limit, limit, f"{words.loading} ({words.unit})", along="horizontal")

    side = place(figure, right, HEAD + 4, BARS, bar_pitch * max(len(others), 4))
    side.set_title(clean(str(loadings.columns[factor]), BARS), loc="left")
    unit = f"{words.loading} ({words.unit}{', 90 % intervals' if ends is not None else ''})"
    draw_bars(side, bars, bar_pitch, unit, BARS, marked, ends)
    return figure


def _number(axes: Axes, factors: int, factor: int, across: float) -> None:
    """Numbers of the factors below their columns, as many as fit; the chosen one bold."""
    step = max(1, int(np.ceil(factors * 3.4 / across)))
    positions = [j for j in range(factors) if j % step == 0 or j == factor]
    positions = [j for j in positions if j == factor or abs(j - factor) >= step]
    axes.set_xticks(positions, labels=[str(j + 1) for j in positions])
    axes.tick_params(axis="x", length=0)
    for position, text in zip(positions, axes.get_xticklabels(), strict=True):
        text.set_fontweight("bold" if position == factor else "normal")


def _explained(axes: Axes, explained: pd.Series, factor: int, words: Words) -> None:
    """Share of each factor; the chosen one in the accent colour."""
    percent = 100 * explained.to_numpy(float)
    colour = [ACCENT if j == factor else MISSING for j in range(len(percent))]
    axes.bar(np.arange(len(percent)), percent, width=0.74, color=colour, linewidth=0)
    axes.set(xlim=(-0.5, len(percent) - 0.5), xticks=[])
    axes.set_ylabel(f"{words.share.replace(' ', chr(10), 1)} (%)", size=SMALL)
    axes.locator_params(axis="y", nbins=3)
