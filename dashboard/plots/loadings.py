"""Loadings of one factor, and how much variance each factor carries."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pandas as pd

from dashboard.plots.style import ACCENT, MISSING, NEGATIVE, POSITIVE, options, plain, sparse_labels

HEIGHT = 160


def top_loadings(loadings: pd.Series, n: int = 15) -> pd.Series:
    """The n largest and n smallest loadings, descending; all of them if they are few."""
    ordered = loadings.sort_values(ascending=False, kind="stable")
    if len(ordered) <= 2 * n:
        return ordered
    return pd.concat([ordered.head(n), ordered.tail(n)])


def loading_bars(loadings: pd.Series, title: str) -> hv.Bars:
    """One bar a gene, coloured by its sign.

    Parameters
    ----------
    loadings
        CLR loadings by gene, in display order.
    """
    table = pd.DataFrame(
        {
            "gene": loadings.index.astype(str),
            "loading": loadings.to_numpy(dtype=float),
            "colour": np.where(loadings.to_numpy() >= 0, POSITIVE, NEGATIVE),
        }
    )
    bars = hv.Bars(table, "gene", [hv.Dimension("loading", label="CLR loading"), "colour"])
    return bars.opts(
        **options(HEIGHT, tools=()),
        color="colour",
        line_width=0,
        bar_width=0.72,
        title=title,
        xlabel="",
        ylabel="CLR loading (nats)",
        xrotation=60,
        tools=["hover"],
        hover_tooltips=[("gene", "@gene"), ("CLR loading", "@loading{0.000}")],
        framewise=True,
        hooks=[plain(64, 72)],
    )


def variance_bars(shares: pd.Series, chosen: int) -> hv.Bars:
    """Share of the CLR variance of each factor; the chosen one in the accent colour."""
    count = len(shares)
    table = pd.DataFrame(
        {
            "factor": [str(j + 1) for j in range(count)],
            "percent": 100 * shares.to_numpy(dtype=float),
            "colour": [ACCENT if j == chosen else MISSING for j in range(count)],
        }
    )
    bars = hv.Bars(table, "factor", [hv.Dimension("percent", label="CLR variance"), "colour"])
    return bars.opts(
        **options(HEIGHT, tools=()),
        color="colour",
        line_width=0,
        bar_width=0.8,
        xlabel="factor",
        ylabel="CLR variance (%)",
        tools=["hover", "tap"],
        hover_tooltips=[("factor", "@factor"), ("CLR variance", "@percent{0.0} %")],
        framewise=True,
        hooks=[plain(56), sparse_labels],
    )
