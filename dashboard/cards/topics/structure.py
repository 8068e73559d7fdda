"""Topics by cells: stacked proportions, or an image of scores."""

from __future__ import annotations

from concurrent.futures import Future
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from dashboard import html
from dashboard.actions import cells_with_label
from dashboard.browser import Browser
from dashboard.cards.background import summarised
from dashboard.cards.frame import card, figure, waiting
from dashboard.cards.topics.seen import seen
from dashboard.cards.wording import heading
from dashboard.controls.export import ExportMenu
from dashboard.export import Export
from dashboard.plots.colours import Colouring
from dashboard.plots.style import DIVERGING
from dashboard.plots.topic_colours import topic_colours
from dashboard.plots.topic_structure import StructurePlot
from dashboard.select import Select
from dashboard.state import AppState
from dashboard.together import together
from dashboard.topic_choices import TopicChoices
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
# Topics of which a legend takes two columns, and the widths of one and of two.
MANY, NARROW, BROAD = 12, 96, 132


class StructureView(pn.viewable.Viewer):
    """Stacked proportions beside their legend; scores as an image where there are factors."""

    def __init__(self, state: AppState, choices: TopicChoices, browser: Browser) -> None:
        super().__init__()
        self.state, self.choices = state, choices
        self.plot = StructurePlot()
        self.working: Future[None] | None = None
        self._asked: tuple[AnyFit, str | None] | None = None
        self._drawn: tuple[AnyFit, str | None, pd.DataFrame, tuple[str, ...]] | None = None
        self.group = Select(
            label="Group by", options=[NO_LABELS], size="small", width=130, margin=0
        )
        self._legend = html.pane(sizing_mode="stretch_height", width=NARROW, css_classes=["key"])
        self._panel = card(
            heading(state, FACTORS, TOPICS),
            pn.Row(
                figure(self.plot.figure, message=waiting(state, factors=True)),
                self._legend,
                sizing_mode="stretch_both",
                margin=0,
            ),
            tools=(self.group, ExportMenu(browser, self._export, state, name="structure")),
        )
        self.plot.on_topic(together(state.choose_factor))
        self.plot.on_group(together(self._select))
        self.group.param.watch(self._pick, "value")
        state.param.watch(self._update, ["fit", "names", "factor", "selected", "tab"])
        choices.param.watch(self._update, "group")
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @together
    def _pick(self, event: param.parameterized.Event) -> None:
        if event.new != NO_LABELS:
            self.choices.group = event.new

    def _select(self, label: str) -> None:
        fit, column = self.state.fit, self._drawn[1] if self._drawn else None
        if fit is not None and column in fit.obs:
            self.state.select(cells_with_label(fit.obs[column], label))

    def _update(self, *_events: object) -> None:
        fit = seen(self.state)
        if fit is None:
            return
        column = self.choices.group_of(fit)
        self.group.param.update(
            options=summaries.grouping_columns(fit) or [NO_LABELS], value=column or NO_LABELS
        )
        if self._drawn is not None and self._drawn[0] is fit and self._drawn[1] == column:
            self._show(fit, column, self._drawn[2])
        elif self._asked is None or self._asked[0] is not fit or self._asked[1] != column:
            self._asked = fit, column
            self.working = summarised(
                self.state,
                lambda: summaries.structure(fit, column),
                lambda table: self._show(fit, column, table),
            )

    def _show(self, fit: AnyFit, column: str | None, table: pd.DataFrame) -> None:
        state = self.state
        if fit is not state.fit or column != self.choices.group_of(fit):
            return
        signed, names = not state.is_topics, tuple(state.names)
        drawn = self._drawn
        if drawn is None or drawn[2] is not table or drawn[3] != names:
            self._drawn = fit, column, table, names
            self.plot.show(table, names, signed=signed)
        self.plot.choose(state.factor)
        self.plot.mark(self._marked(fit, table))
        self._legend.param.update(
            object=html.legend(_scores(table)) if signed else legend(names, state.factor),
            width=BROAD if not signed and len(names) > MANY else NARROW,
        )

    def _marked(self, fit: AnyFit, table: pd.DataFrame) -> np.ndarray:
        selected = self.state.selected
        if selected is None:
            return np.zeros(len(table), bool)
        places = fit.cells.get_indexer(table.index.get_level_values("cell"))
        return np.asarray(selected)[places]

    def _export(self) -> Export | None:
        if self._drawn is None:
            return None
        (fit, column, table, names), signed = self._drawn, not self.state.is_topics
        named = table.set_axis(list(names), axis=1)

        def draw() -> Any:
            from dashboard import figures

            return figures.topic_structure(named, column or "", signed=signed)

        return Export("structure", draw, lambda: named, of=fit)


def legend(names: tuple[str, ...], chosen: int | None) -> str:
    """Topics as buttons that choose them, each with its colour."""
    items = "".join(
        f'<li><button class="label" data-act="factor" data-value="{k}" aria-pressed='
        f'"{str(k == chosen).lower()}" title="{escape(name)}"><i style="background:{colour}"></i>'
        f"<span>{escape(name)}</span></button></li>"
        for k, (name, colour) in enumerate(zip(names, topic_colours(len(names)), strict=True))
    )
    many = " many" if len(names) > MANY else ""
    return f'<div class="legend{many}"><ul>{items}</ul></div>'


def _scores(table: pd.DataFrame) -> Colouring:
    limit = float(np.quantile(np.abs(table.to_numpy()), 0.99)) or 1.0
    return Colouring(
        "score (prior sd)", np.zeros(0), limits=(-limit, limit), palette=tuple(DIVERGING)
    )
