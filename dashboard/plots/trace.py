"""The objective of a fit, pass by pass."""

from __future__ import annotations

from collections.abc import Sequence

import holoviews as hv
import numpy as np
import pandas as pd

from dashboard.plots.style import ACCENT, frame, options, plain

HEIGHT = 104


def objective_trace(points: Sequence[tuple[float, float]]) -> hv.Overlay:
    """Mean log-marginal likelihood of a cell (nats) against seconds.

    Parameters
    ----------
    points
        (seconds, nats per cell), one pair a pass.
    """
    table = pd.DataFrame(list(points), columns=["seconds", "nats"], dtype=float).dropna()
    low, high = _limits(table["nats"].to_numpy())
    end = float(table["seconds"].max()) if len(table) else 1.0
    dims = {"kdims": ["seconds"], "vdims": [hv.Dimension("nats", label="nats per cell")]}
    look = {
        **options(HEIGHT, tools=()),
        "xlabel": "seconds",
        "ylabel": "nats/cell",
        "xticks": 4,
        "yticks": 3,
        "hooks": [plain(64), frame(f"{low} {high} {end}", (0.0, 1.05 * end), (low, high))],
    }
    line = hv.Curve(table, **dims).opts(color=ACCENT, line_width=1.8, **look)
    return line * hv.Scatter(table.tail(1), **dims).opts(color=ACCENT, size=6)


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Of the last three quarters of the passes: the first rise would flatten the rest."""
    if not len(values):
        return -1.0, 1.0
    shown = values[len(values) // 4 :]
    low, high = float(shown.min()), float(shown.max())
    margin = max(0.1 * (high - low), 0.5)
    return low - margin, high + margin
