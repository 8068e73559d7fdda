"""Where the topics lie."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pandas as pd
import panel as pn

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.background import summarised
from dashboard.cards.frame import card, figure, waiting
from dashboard.cards.topics.seen import seen
from dashboard.cards.wording import heading
from dashboard.controls.export import ExportMenu
from dashboard.export import Export
from dashboard.plots.topic_map import TopicMap
from dashboard.state import AppState
from dashboard.together import together
from engine import summaries
from engine.results import AnyFit

TOPICS = html.heading(
    "Topic map",
    "Near: alike in genes. Area: share of counts. Click to choose.",
    "d(s, t)² = H((p_s + p_t)/2) − (H(p_s) + H(p_t))/2, Jensen–Shannon; principal coordinates",
    "A plane shows only that share of the squared distances which its axes tell: topics that lie "
    "on one another need not be the same. The area is the share of the counts that a topic makes.",
)
FACTORS = html.heading(
    "Factor map",
    "Near: same genes, either sign. Area: CLR variance. Click to choose.",
    "d(i, j)² = H((p_i + p_j)/2) − (H(p_i) + H(p_j))/2, p_j(g) = w_gj² / Σ_g w_gj²; "
    "principal coordinates",
    "p_j(g) is the share of the CLR variance of factor j that gene g carries. Factors are known up "
    "to rotation and shown on their principal axes; a plane shows only that share of the squared "
    "distances which its axes tell. The area is the CLR variance that a factor explains.",
)


class OverviewView(pn.viewable.Viewer):
    """Discs of the topics; choosing one moves a ring."""

    def __init__(self, state: AppState, browser: Browser) -> None:
        super().__init__()
        self.state = state
        self.map = TopicMap()
        self.working: Future[None] | None = None
        self._asked: AnyFit | None = None
        self._placed: tuple[AnyFit, summaries.Placement, tuple[str, ...]] | None = None
        self._panel = card(
            heading(state, FACTORS, TOPICS),
            figure(self.map.figure, message=waiting(state, factors=True)),
            tools=(ExportMenu(browser, self._export, state, name="map"),),
        )
        self.map.on_topic(together(state.choose_factor))
        state.param.watch(self._update, ["fit", "names", "factor", "tab"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _update(self, *_events: object) -> None:
        fit = seen(self.state)
        if fit is None:
            return
        if self._placed is not None and self._placed[0] is fit:
            self._show(fit, self._placed[1])
        elif fit is not self._asked:
            self._asked = fit
            self.working = summarised(
                self.state,
                lambda: summaries.topic_placement(fit),
                lambda placed: self._show(fit, placed),
            )

    def _show(self, fit: AnyFit, placed: summaries.Placement) -> None:
        state = self.state
        if fit is not state.fit:
            return
        names = tuple(state.names)
        if self._placed is None or self._placed[0] is not fit or self._placed[2] != names:
            self._placed = (fit, placed, names)
            given = [n != d for n, d in zip(names, fit.default_names, strict=True)]
            self.map.show(placed.table, names, placed.explained, given)
        self.map.choose(state.factor)

    def _export(self) -> Export | None:
        if self._placed is None:
            return None
        (fit, placed, names), chosen = self._placed, self.state.factor
        table = placed.table.set_axis(pd.Index(names, name="topic"))

        def draw() -> Any:
            from dashboard import figures

            return figures.topic_map(table, placed.explained, chosen=chosen)

        def data() -> pd.DataFrame:
            distances = summaries.topic_distances(fit).set_axis(list(names), axis=1)
            return table.join(distances.set_axis(table.index).add_prefix("distance to "))

        return Export("topic map", draw, data, of=fit)
