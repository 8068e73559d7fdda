"""The cells: UMAP of the factor scores, or the first two factors until it is ready."""

from __future__ import annotations

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.plots.cells import cell_frame, cell_image, cell_points
from dashboard.plots.colours import Colouring, colour_numbers
from dashboard.plots.style import Span, span
from dashboard.state import AppState, Embedding
from dashboard.views.card import card, figure, waiting
from dashboard.views.colouring import colouring
from engine.results import Fit

EMPTY = colour_numbers(np.zeros(0), "")
HEAD = html.heading(
    "Cells",
    "One point a cell; cells with similar factor scores lie close together.",
    "UMAP of ẑ_c, the posterior mode of the factor scores z_c ~ N(0, I).",
    "Distances between separate groups and the density of points mean little in a UMAP. "
    "Scores are known up to rotation; they are shown on the principal axes of the CLR loadings.",
)


def _note(fit: Fit | None, embedding: Embedding | None, partial: str) -> str:
    if fit is None:
        return ""
    waits = "factors 1, 2; UMAP follows" if embedding is None else ""
    return html.badge(partial or waits)


def _known(limits: Span | None, values: np.ndarray) -> Span:
    """Limits of the plot; they are NaN while the browser has not drawn it."""
    return limits if limits is not None and np.isfinite(limits).all() else span(values)


class CellsView(pn.viewable.Viewer):
    """Scatter of the cells, its colour choice and its legend."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        self._colour = pmui.Select(
            label="Colour by", options=state.colours(), size="small", width=180, margin=0
        )
        self._legend = html.pane(
            sizing_mode="stretch_height", width=140, visible=False, css_classes=["key"]
        )
        changed = hv.streams.Params(
            state, ["fit", "embedding", "colour", "factor"], watch_only=True
        )
        ranges, size = hv.streams.RangeXY(), hv.streams.PlotSize(width=600, height=400)
        points = hv.DynamicMap(self._points, streams=[changed])
        image = hv.DynamicMap(self._image, streams=[changed, ranges, size])
        ranges.source = size.source = points
        of = state.param
        note = html.live(_note, of.fit, of.embedding, of.partial, sizing_mode=None)
        self._panel = card(
            HEAD,
            pn.Row(
                figure(image * points, message=waiting(state)),
                self._legend,
                sizing_mode="stretch_both",
                margin=0,
            ),
            tools=(note, self._colour),
        )
        self._colour.param.watch(self._pick, "value")
        state.param.watch(self._refresh, ["fit", "colour", "factor"])
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _pick(self, event: param.parameterized.Event) -> None:
        if self.state.fit is not None:
            self.state.colour = event.new

    def _refresh(self, *_events: object) -> None:
        state = self.state
        if state.fit is None:
            self._legend.visible = False
            return
        options = state.colours()
        if state.colour in options.values():
            self._colour.param.update(options=options, value=state.colour)
        self._legend.param.update(object=html.legend(self._colouring()), visible=True)

    def _colouring(self) -> Colouring:
        if self.state.fit is None:
            return EMPTY
        return colouring(self.state.fit, self.state.colour, self.state.factor)

    def _where(self) -> tuple[np.ndarray, str, tuple[str, str]]:
        """Coordinates, what they belong to, and the titles of the axes."""
        state = self.state
        if state.fit is None:
            return np.zeros((0, 2)), "nothing", ("", "")
        known = state.embedding
        if known is not None and len(known.xy) == len(state.fit.cells):
            return known.xy, f"umap {known.key}", ("UMAP 1", "UMAP 2")
        second = min(1, state.fit.n_factors - 1)
        titles = ("factor 1 score (prior sd)", f"factor {second + 1} score (prior sd)")
        return state.fit.scores[:, [0, second]], f"factors {state.run}", titles

    def _points(self, **_: object) -> hv.Points:
        xy, token, titles = self._where()
        names = pd.Index([]) if self.state.fit is None else self.state.fit.cells
        return cell_points(xy, names, self._colouring()).opts(**cell_frame(xy, token, *titles))

    def _image(
        self,
        x_range: Span | None = None,
        y_range: Span | None = None,
        width: int | None = None,
        height: int | None = None,
        **_: object,
    ) -> hv.RGB:
        xy, _token, _titles = self._where()
        x, y = _known(x_range, xy[:, 0]), _known(y_range, xy[:, 1])
        return cell_image(xy, self._colouring(), x, y, int(width or 600), int(height or 400))
