"""The counts that were read: how many, how sparse, what was left out and why."""

from __future__ import annotations

from typing import Any

import holoviews as hv
import numpy as np
import panel as pn

from dashboard import html
from dashboard.plots.summary import cell_histogram
from dashboard.state import AppState
from dashboard.views.card import card, figure

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


class DataView(pn.viewable.Viewer):
    """Facts, histograms and the account of reading."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        summary = self.state.param.summary
        changed = hv.streams.Params(self.state, ["summary"], watch_only=True)
        totals = hv.DynamicMap(self._totals, streams=[changed])
        detected = hv.DynamicMap(self._detected, streams=[changed])
        words = html.bound(self._waiting, summary, self.state.param.reading)
        self._panel = pn.Column(
            html.pane(html.bound(self._facts, summary)),
            pn.Row(
                card(TOTALS, figure(totals, message=words)),
                card(DETECTED, figure(detected, message=words)),
                sizing_mode="stretch_both",
                margin=0,
                css_classes=["cards"],
                stylesheets=[html.STYLES],
            ),
            html.pane(html.bound(self._account, summary)),
            sizing_mode="stretch_both",
            margin=0,
            css_classes=["data-view"],
            stylesheets=[html.STYLES],
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @staticmethod
    def _waiting(summary: Any, reading: str) -> str:
        if summary is not None:
            return ""
        return html.empty(f"Reading {reading}." if reading else "Open counts on the left.")

    @staticmethod
    def _facts(summary: Any) -> str:
        return html.facts(summary.facts()) if summary is not None else ""

    @staticmethod
    def _account(summary: Any) -> str:
        return html.account(summary.lines) if summary is not None else ""

    def _totals(self, **_: object) -> hv.Histogram:
        summary = self.state.summary
        values = summary.library_size if summary is not None else np.zeros(0)
        return cell_histogram(values, "total counts (all genes)")

    def _detected(self, **_: object) -> hv.Histogram:
        summary = self.state.summary
        values = summary.detected if summary is not None else np.zeros(0)
        return cell_histogram(values, "detected genes (modelled)", log=False)
