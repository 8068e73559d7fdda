"""Counts of a few genes, observed over predicted."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dashboard.figures.sheet import (
    EDGE,
    FOOT,
    INK,
    QUIET,
    SMALL,
    clean,
    cleaned,
    place,
    published,
    sheet,
    wide,
)
from dashboard.plots.check_bins import ACROSS, HIGH, KINDS, LOW, limits, ticks
from dashboard.plots.check_counts import columns_for
from dashboard.plots.style import ACCENT, MISSING

WIDTH, HEIGHT, LEFT, HEAD, BELOW = 48.0, 30.0, 13.0, 5.0, 6.0


@published
def check_counts(bars: pd.DataFrame, kind: str, *, titles: dict[str, str] | None = None) -> Figure:
    """One panel a gene; grey bands hold 50 and 90 % of the draws.

    Parameters
    ----------
    bars
        `engine.checks.count_bars`.
    kind
        One of `check_bins.KINDS`.
    titles
        By gene, what does not fit, in a word or two.
    """
    panels = [(str(gene), rows) for gene, rows in bars.groupby("gene", sort=False)]
    across = columns_for(len(panels))
    down = -(-len(panels) // across)
    figure = sheet(
        EDGE + across * (LEFT + WIDTH), down * (HEAD + HEIGHT + BELOW) + 2 * BELOW + FOOT
    )
    genes = cleaned([gene for gene, _ in panels], 0.6 * WIDTH)
    for number, (gene, rows) in enumerate(panels):
        row, column = divmod(number, across)
        left = EDGE + column * (LEFT + WIDTH) + LEFT - 2
        axes = place(figure, left, row * (HEAD + HEIGHT + BELOW) + HEAD, WIDTH, HEIGHT)
        _panel(axes, rows.reset_index(drop=True), kind)
        title, said = genes[number], (titles or {}).get(gene, "")
        if said:
            title = f"{title} · {clean(said, max(WIDTH - wide(title), 0.3 * WIDTH))}"
        axes.set_title(title, loc="left")
    high = figure.get_size_inches()[1] * 25.4
    figure.text(
        0.5, (FOOT + BELOW) / high, f"{ACROSS}; up: {KINDS[kind].axis}", size=SMALL, ha="center"
    )
    words = "green: observed; grey: predicted, with 50 and 90 % bands"
    figure.text(0.5, (FOOT + 2.5) / high, words, size=SMALL, ha="center", color=QUIET)
    return figure


def _panel(axes: Axes, shown: pd.DataFrame, kind: str) -> None:
    edges = np.arange(len(shown) + 1.0)
    middle = edges[:-1] + 0.5
    for low, high, alpha in zip(LOW, HIGH, (0.3, 0.5), strict=True):
        bottom, top = shown[low].to_numpy(), shown[high].to_numpy()
        axes.stairs(top, edges, baseline=bottom, fill=True, color=MISSING, alpha=alpha, linewidth=0)
    line, observed = shown["line"].to_numpy(), shown["seen"].to_numpy()
    axes.hlines(line, edges[:-1], edges[1:], color=QUIET, linewidth=0.6)
    if kind == "rootogram":
        axes.bar(middle, line - observed, 0.76, observed, color=ACCENT, alpha=0.5, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.5)
    elif kind == "ecdf":
        axes.stairs(observed, edges, baseline=None, color=ACCENT, linewidth=0.9)
    else:
        axes.plot(middle, observed, color=ACCENT, marker="o", markersize=1.8, linewidth=0.9)
    at_x, at_y = ticks(shown, kind)
    least, most = limits(shown, kind)
    axes.set(xlim=(0, max(len(shown), 4)), ylim=(least, most + 0.04 * (most - least)))
    axes.set_xticks([at for at, _ in at_x], labels=[word for _, word in at_x])
    axes.set_yticks([at for at, _ in at_y], labels=[word for _, word in at_y])
