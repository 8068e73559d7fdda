"""Total counts and detected genes of the cells that were read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import card, figure
from dashboard.export import Export
from dashboard.plots.histograms import binned, cell_histogram
from dashboard.state import AppState, Notice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOTALS = html.heading(
    "Total counts per cell",
    "A long tail to the left is empty droplets; one to the right, doublets.",
    "L_c = Σ_g u_cg over all genes of the data set",
    "Cells are not filtered here: only those without any count are left out.",
)
DETECTED = html.heading(
    "Detected genes per cell",
    "Few detected genes beside many counts is a sign of a damaged cell.",
    "number of modelled genes with u_cg > 0",
    "Genes pooled into _other are not counted.",
)


# Least height above long content. It is a style, because Panel computes ``min_height`` itself.
LEAST = {"min-height": "260px"}


class HistogramsView(Card):
    """Two histograms, each in a frame of its own."""

    tab, entry, place = "data", "histograms", Place(0)
    title = "Total counts and detected genes"
    caption = (
        "Cells by their total counts over all genes, and by the modelled genes that they have a "
        "count of."
    )
    needs = ("summary",)

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        changed = hv.streams.Params(state, ["summary"], watch_only=True)
        totals, detected = (
            hv.DynamicMap(lambda which=which, **_: self._histogram(which), streams=[changed])
            for which in (0, 1)
        )
        of = state.param
        words = html.bound(_waiting, of.summary, of.reading, of.data_error)
        self._panel = pn.Row(
            card(TOTALS, figure(totals, message=words)),
            card(DETECTED, figure(detected, message=words), tools=(self.menu(browser),)),
            sizing_mode="stretch_both",
            styles=LEAST,
            margin=0,
            css_classes=["cards"],
            stylesheets=[html.STYLES],
        )

    def _histogram(self, which: int) -> hv.Histogram:
        values, title, log = _measures(self.state.summary)[which]
        return cell_histogram(values, title, log=log)

    def export(self) -> Export | None:
        summary = self.state.summary
        if summary is None:
            return None
        measures = _measures(summary)

        def draw() -> Figure:
            from dashboard import figures

            return figures.histograms(measures)

        return Export("histograms", draw, lambda: _table(measures))


def _waiting(summary: Any, reading: str, error: Notice | None) -> str:
    if summary is not None:
        return ""
    if reading:
        return html.empty(f"Reading {reading}.")
    problem = f"No counts are open: {error.got}. " if error is not None else ""
    return html.empty(f"{problem}Open counts on the left.")


def _measures(summary: Any) -> list[tuple[np.ndarray, str, bool]]:
    """Of each histogram: values, title, and whether it is logarithmic."""
    nothing = np.zeros(0)
    totals = summary.library_size if summary is not None else nothing
    detected = summary.detected if summary is not None else nothing
    return [
        (totals, "total counts (all genes)", True),
        (detected, "detected genes (modelled)", False),
    ]


def _table(measures: list[tuple[np.ndarray, str, bool]]) -> pd.DataFrame:
    """The bins of the histograms and their numbers of cells."""
    bins = []
    for values, title, log in measures:
        counts, edges = binned(values, log=log)
        columns = {"from": edges[:-1], "to": edges[1:], "cells": counts}
        bins.append(pd.DataFrame({"histogram": title} | columns))
    return pd.concat(bins).set_index("histogram")
