"""Gain of each run over the first in predicting held-out cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from dashboard.figures.sheet import (
    EDGE,
    FOOT,
    QUIET,
    RULE,
    SMALL,
    clean,
    cleaned,
    place,
    published,
    sheet,
    wide,
)
from dashboard.plots.style import ACCENT

WIDTH, ROW, HEAD, BELOW, LONGEST = 62.0, 5.0, 7.0, 10.0, 60.0


@published
def compare_scores(table: pd.DataFrame) -> Figure:
    """One dot a run with its standard error, the first run at 0; or the reason for none.

    Parameters
    ----------
    table
        Table of `engine.checks.compare`.
    """
    names = cleaned(list(table["run"]), LONGEST, SMALL)
    left = EDGE + max((wide(name, SMALL) for name in names), default=0) + 2
    words = [
        f"perplexity {value:,.1f}" if np.isfinite(value) else clean(why, LONGEST, SMALL)
        for value, why in zip(table["perplexity"].to_numpy(float), table["scored"], strict=True)
    ]
    right = max((wide(text, SMALL) for text in words), default=0) + 4
    height = ROW * max(len(table), 2)
    figure = sheet(left + WIDTH + right + EDGE, HEAD + height + BELOW + FOOT)
    axes = place(figure, left, HEAD, WIDTH, height)
    positions = np.arange(len(table))
    gain, error = table["gain"].to_numpy(float), table["gain_se"].to_numpy(float)
    axes.axvline(0, color=RULE, linewidth=0.5)
    axes.errorbar(
        gain,
        positions,
        xerr=error,
        fmt="o",
        color=ACCENT,
        markersize=3,
        elinewidth=0.8,
        capsize=1.5,
    )
    known = np.isfinite(gain)
    ends = np.r_[gain[known] - error[known], gain[known] + error[known], 0.0]
    low, high = float(ends.min()), float(ends.max())
    margin = 0.06 * (high - low) or 1.0
    axes.set(xlim=(low - margin, high + margin), ylim=(max(len(table), 2) - 0.5, -0.5))
    axes.set_xlabel("gain over A (nats per held-out count, ± 1 paired standard error)")
    axes.set_title("Held-out cells", loc="left")
    axes.set_yticks(positions, labels=names)
    axes.tick_params(axis="y", length=0, labelsize=SMALL)
    axes.spines["left"].set_visible(False)
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    for at, text in enumerate(words):
        axes.text(1.02, at, text, size=SMALL, color=QUIET, va="center", transform=beside)
    return figure
