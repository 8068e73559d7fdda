"""Map of the topics by the similarity of their genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure, waiting
from dashboard.cards.wording import heading
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.topic_map import TopicMap
from dashboard.state import AppState
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


class OverviewView(Card):
    """Discs of the topics; choosing one moves a ring."""

    tab, entry, place = "topics", "map", Place(0, 0)
    caption = "Near one another: alike in genes. The area is what each {kind} takes."
    follows = ("fit", "names", "factor")
    factors = True

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        self.map = TopicMap()
        self._placed: tuple[AnyFit, summaries.Placement, tuple[str, ...]] | None = None
        self.map.on_topic(one_message(state.choose_factor))
        self.build(
            heading(state, FACTORS, TOPICS),
            figure(self.map.figure, message=waiting(state, factors=True)),
            browser=browser,
        )

    def inputs(self) -> tuple[AnyFit] | None:
        return None if self.fit is None else (self.fit,)

    def compute(self, fit: AnyFit) -> summaries.Placement:
        return summaries.topic_placement(fit)

    def paint(self, placed: summaries.Placement) -> None:
        state, fit = self.state, self.state.fit
        names = tuple(state.names)
        if self._placed is None or self._placed[0] is not fit or self._placed[2] != names:
            self._placed = (fit, placed, names)
            given = [n != d for n, d in zip(names, fit.default_names, strict=True)]
            self.map.show(placed.table, names, placed.explained, given)
        self.map.choose(state.factor)

    def export(self) -> Export | None:
        if self._placed is None:
            return None
        fit, placed, names = self._placed
        return _make_export(fit, placed, list(names), self.state.factor)

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export | None:
        """The map of topics; that of factors is only on the page."""
        if not fit.can("mixtures"):
            return None
        return _make_export(fit, summaries.topic_placement(fit), fit.factor_names)


def _make_export(
    fit: AnyFit, placed: summaries.Placement, names: Sequence[str], factor: int | None = None
) -> Export:
    table = placed.table.set_axis(pd.Index(names, name=fit.latent))

    def draw() -> Any:
        from dashboard import figures

        return figures.topic_map(table, placed.explained, topic=factor)

    def data() -> pd.DataFrame:
        distances = summaries.topic_distances(fit).set_axis(list(names), axis=1)
        return table.join(distances.set_axis(table.index).add_prefix("distance to "))

    return Export("topic map", draw, data, of=fit)
