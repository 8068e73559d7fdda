"""Correlations between genes, ordered so that genes that move together sit together."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from bokeh.models import CustomJSHover, FixedTicker, HoverTool
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from dashboard.plots.style import DIVERGING, Hook, frame, options, plain, sparse_labels

MOST_OPTIMAL = 300
HEIGHT = 160


def clustered(correlation: pd.DataFrame) -> pd.DataFrame:
    """The same table with rows and columns in the order of average linkage on 1 - r.

    Optimal leaf ordering up to `MOST_OPTIMAL` genes; it takes too long beyond.
    """
    count = len(correlation)
    if count < 3:
        return correlation
    distance = 1 - correlation.to_numpy()
    distance = np.clip((distance + distance.T) / 2, 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(
        squareform(distance, checks=False), "average", optimal_ordering=count <= MOST_OPTIMAL
    )
    order = leaves_list(tree)
    return correlation.iloc[order, order]


def correlation_heatmap(correlation: pd.DataFrame) -> hv.Image:
    """Genes x genes image, first gene at the top left; hovering names the pair.

    Parameters
    ----------
    correlation
        Square table in display order, values in [-1, 1].
    """
    count = len(correlation)
    centres = np.arange(count) + 0.5
    values = correlation.to_numpy(dtype=np.float32)[::-1]
    image = hv.Image(
        (centres, centres, values),
        kdims=["x", "y"],
        vdims=[hv.Dimension("r", label="CLR correlation", range=(-1, 1))],
        bounds=(0, 0, count, count),
    )
    limit = colour_limit(correlation)
    names = [str(name) for name in correlation.columns]
    edge = (0.0, float(count))
    return image.opts(
        **options(HEIGHT),
        cmap=DIVERGING,
        clim=(-limit, limit),
        colorbar=True,
        colorbar_opts={"width": 10, "padding": 4},
        clabel="CLR correlation",
        tools=["hover"],
        xlabel="",
        ylabel="",
        xrotation=90,
        hooks=[plain(88, 84), gene_axes(names), sparse_labels, frame(f"{count}", edge, edge)],
    )


def colour_limit(correlation: pd.DataFrame) -> float:
    """Where the colours saturate: all but the strongest 1 % of pairs lie within."""
    values = np.abs(correlation.to_numpy())[~np.eye(len(correlation), dtype=bool)]
    values = values[np.isfinite(values)]
    if not values.size:
        return 1.0
    return float(np.clip(np.ceil(10 * np.quantile(values, 0.99)) / 10, 0.2, 1))


def gene_axes(names: list[str]) -> Hook:
    """Hook: gene names as tick labels where there is room, and in the hover text."""

    def apply(plot: Any, _element: Any) -> None:
        count = len(names)
        for axis, order in (("xaxis", names), ("yaxis", names[::-1])):
            model = plot.handles[axis]
            model.ticker = FixedTicker(ticks=[j + 0.5 for j in range(count)])
            model.major_label_overrides = {j + 0.5: name for j, name in enumerate(order)}
            model.major_tick_line_color = None
        for hover in plot.state.select({"type": HoverTool}):
            hover.tooltips = [
                ("genes", "$x{custom} \N{MULTIPLICATION SIGN} $y{custom}"),
                ("CLR correlation", "@image{0.000}"),
            ]
            hover.formatters = {"$x": _at(names), "$y": _at(names[::-1])}

    return apply


def _at(names: list[str]) -> CustomJSHover:
    return CustomJSHover(args={"names": names}, code='return names[Math.floor(value)] ?? ""')
