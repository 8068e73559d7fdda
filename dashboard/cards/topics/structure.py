"""Topics by cells: stacked proportions, or an image of scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from dashboard import html
from dashboard.actions import cells_with_label
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure, waiting
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.cards.wording import heading
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.colours import Colouring
from dashboard.plots.style import DIVERGING
from dashboard.plots.topic_colours import topic_colours
from dashboard.plots.topic_structure import StructurePlot
from dashboard.select import Select
from dashboard.state import AppState
from dashboard.templates import render
from engine import summaries
from engine.results import AnyFit

ORDER = (
    "Within a group, cells are ordered by their largest {0} and then by its {1}. Of many cells "
    "2,000 are drawn at random, of every group in proportion and at least ten of a small one. The "
    "strip above marks selected cells. "
)
TOPICS = html.heading(
    "Structure",
    "One column a cell. Click a colour to choose, a label to select.",
    "θ_c, posterior mean proportions of the topics; by EM their mode in the softmax basis",
    ORDER.format("topic", "proportion") + "Proportions are of the counts of the modelled genes.",
)
FACTORS = html.heading(
    "Structure",
    "One column a cell. Click a row to choose, a label to select.",
    "ẑ_c, posterior mode of the factor scores z_c ~ N(0, I)",
    ORDER.format("factor", "score") + "Scores are known up to rotation; red is positive.",
)
NO_LABELS = "all cells"
# A legend of more topics has two columns; the widths of one and of two.
MANY, NARROW, BROAD = 12, 96, 132


class StructureView(Card):
    """Stacked proportions beside their legend; scores as an image where there are factors."""

    tab, entry, place = "topics", "structure", Place(1, 0)
    caption = "One column a cell, in the groups of a label."
    follows = ("fit", "names", "factor", "selected", "choices.group")
    factors = True

    def __init__(self, state: AppState, choices: TopicChoices, browser: Browser) -> None:
        self.begin(state)
        self.choices = choices
        self.plot = StructurePlot()
        self._drawn: tuple[AnyFit, str | None, pd.DataFrame, tuple[str, ...]] | None = None
        self.group = Select(
            label="Group by", options=[NO_LABELS], size="small", width=130, margin=0
        )
        self._legend = html.pane(sizing_mode="stretch_height", width=NARROW, css_classes=["key"])
        self.plot.on_topic(one_message(state.choose_factor))
        self.plot.on_group(one_message(self._select))
        self.group.param.watch(self._pick, "value")
        self.build(
            heading(state, FACTORS, TOPICS),
            pn.Row(
                figure(self.plot.figure, message=waiting(state, factors=True)),
                self._legend,
                sizing_mode="stretch_both",
                margin=0,
            ),
            browser=browser,
            tools=(self.group,),
        )

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        if event.new != NO_LABELS:
            self.choices.group = event.new

    def _select(self, label: str) -> None:
        fit, column = self.state.fit, self._drawn[1] if self._drawn else None
        if fit is not None and column is not None and column in fit.obs:
            self.state.select(cells_with_label(fit.obs[column], label), led_by=(column,))

    def inputs(self) -> tuple[AnyFit, str | None] | None:
        fit = self.fit
        return None if fit is None else (fit, self.choices.group_of(fit))

    def compute(self, fit: AnyFit, column: str | None) -> pd.DataFrame:
        return summaries.structure(fit, column)

    def refresh(self, *events: object) -> None:
        fit = self.fit
        if fit is None:
            return
        column = self.choices.group_of(fit)
        self.group.param.update(
            options=summaries.grouping_columns(fit) or [NO_LABELS], value=column or NO_LABELS
        )
        super().refresh(*events)

    def paint(self, table: pd.DataFrame) -> None:
        state, fit = self.state, self.state.fit
        column = self.choices.group_of(fit)
        signed, names = not state.is_topics, tuple(state.names)
        drawn = self._drawn
        if drawn is None or drawn[2] is not table or drawn[3] != names:
            self._drawn = fit, column, table, names
            self.plot.show(table, names, signed=fit.latent if signed else "")
        self.plot.choose(state.factor)
        self.plot.mark(self._selected_columns(fit, table))
        self._legend.param.update(
            object=html.legend(_scores(table, fit)) if signed else legend(names, state.factor),
            width=BROAD if not signed and len(names) > MANY else NARROW,
        )

    def _selected_columns(self, fit: AnyFit, table: pd.DataFrame) -> np.ndarray:
        selected = self.state.selected
        if selected is None:
            return np.zeros(len(table), bool)
        positions = fit.cells.get_indexer(table.index.get_level_values("cell"))
        return np.asarray(selected)[positions]

    def export(self) -> Export | None:
        if self._drawn is None:
            return None
        fit, column, table, names = self._drawn
        return _make_export(fit, column, table.set_axis(list(names), axis=1))

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export | None:
        """Topics, grouped by the first label; factors are only on the page."""
        if not fit.can("mixtures"):
            return None
        column = next(iter(summaries.grouping_columns(fit)), None)
        table = summaries.structure(fit, column).set_axis(fit.factor_names, axis=1)
        return _make_export(fit, column, table)


def _make_export(fit: AnyFit, column: str | None, table: pd.DataFrame) -> Export:
    def draw() -> Any:
        from dashboard import figures

        unit = "" if fit.can("mixtures") else fit.vocabulary.unit
        return figures.topic_structure(table, column or "", unit=unit)

    return Export("structure", draw, lambda: table, of=fit)


def legend(names: tuple[str, ...], factor: int | None) -> str:
    """Topics as buttons that choose them, each with its colour."""
    labels = [
        (k, k == factor, name, colour, name)
        for k, (name, colour) in enumerate(zip(names, topic_colours(len(names)), strict=True))
    ]
    return render("pieces.legend", "", "factor", labels, many=len(names) > MANY)


def _scores(table: pd.DataFrame, fit: AnyFit) -> Colouring:
    limit = float(np.quantile(np.abs(table.to_numpy()), 0.99)) or 1.0
    title = f"score ({fit.vocabulary.unit})"
    return Colouring(title, np.zeros(0), limits=(-limit, limit), palette=tuple(DIVERGING))
