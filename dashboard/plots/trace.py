"""The objective of a fit, pass by pass."""

from __future__ import annotations

from collections.abc import Sequence

import holoviews as hv
import pandas as pd

from dashboard.plots.style import ACCENT, Span, frame, options, plain

HEIGHT = 104


def objective_trace(points: Sequence[tuple[float, float]]) -> hv.Overlay:
    """Mean log-marginal likelihood of a cell (nats) against seconds.

    Parameters
    ----------
    points
        (seconds, nats per cell), one pair a pass.
    """
    table = pd.DataFrame(list(points), columns=["seconds", "nats"], dtype=float).dropna()
    # The first rise would flatten everything after it.
    shown = table.iloc[len(table) // 4 :]
    x, y = _around(shown["seconds"], 0.04, 0.5), _around(shown["nats"], 0.1, 0.5)
    dims = {"kdims": ["seconds"], "vdims": [hv.Dimension("nats", label="nats per cell")]}
    look = {
        **options(HEIGHT, tools=()),
        "xlabel": "seconds",
        "ylabel": "nats/cell",
        "xticks": 4,
        "yticks": 3,
        "hooks": [plain(64), frame(f"{x} {y}", x, y)],
    }
    line = hv.Curve(table, **dims).opts(color=ACCENT, line_width=1.8, **look)
    return line * hv.Scatter(table.tail(1), **dims).opts(color=ACCENT, size=6)


def _around(values: pd.Series, share: float, least: float) -> Span:
    """Limits with a margin: a share of the range, but no less than ``least``."""
    if not len(values):
        return -1.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = max(share * (high - low), least)
    return low - margin, high + margin
