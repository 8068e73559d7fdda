"""Topics against the labels of the cells."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pandas as pd
import panel as pn

from dashboard import html
from dashboard.cards.background import summarised
from dashboard.cards.table import Column, Table
from dashboard.cards.topics.seen import seen
from dashboard.cut import cut
from dashboard.export import Export
from dashboard.state import AppState
from dashboard.topic_choices import TopicChoices
from engine import summaries
from engine.results import AnyFit

HEAD = html.heading(
    "Labels",
    "Mean proportion or score in the cells of each label. Click a row.",
    "mean of θ_ck over the cells of a label; specificity 1 − H(q)/log L, q the means of a topic "
    "over L labels divided by their sum; of factors η², the variance between labels / all of it",
    "Specificity is 0 where a topic is equally present in all labels and 1 where it is in one "
    "alone; labels count alike, however many cells they have. The labels are those that group "
    "the cells on the left. Agreement with labels is no proof of a topic, nor its lack a flaw.",
)
EMPTY = "The data have no column of labels: nothing to compare the topics with."
MOST_SHOWN = 40
# Characters of a label above its column, unless more are needed to tell two apart.
LONGEST = 12


class LabelsView(pn.viewable.Viewer):
    """A row a topic, a column a label; worked out while it is shown."""

    def __init__(self, state: AppState, choices: TopicChoices) -> None:
        super().__init__()
        self.state, self.choices = state, choices
        self.working: Future[None] | None = None
        self._asked: tuple[AnyFit, str] | None = None
        self._means: tuple[AnyFit, str, summaries.LabelMeans] | None = None
        self.table: Table | None = None
        self._columns: list[Column] = []
        self._names: tuple[str, ...] = ()
        self._words = html.pane(sizing_mode="stretch_both")
        self._panel = pn.Column(self._words, sizing_mode="stretch_both", margin=0)
        state.param.watch(self._update, ["fit", "names", "factor", "tab"])
        choices.param.watch(self._update, ["group", "table"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _update(self, *_events: object) -> None:
        fit = seen(self.state)
        if fit is None or self.choices.table != "labels":
            return
        column = self.choices.group_of(fit)
        if column is None:
            self._means = self._asked = None
            self._words.object = html.empty(EMPTY)
            self._panel.objects = [self._words]
        elif self._means is not None and self._means[0] is fit and self._means[1] == column:
            self._show(fit, column, self._means[2])
        elif self._asked is None or self._asked[0] is not fit or self._asked[1] != column:
            self._asked = fit, column
            self.working = summarised(
                self.state,
                lambda: summaries.label_means(fit, column),
                lambda means: self._show(fit, column, means),
            )

    def _show(self, fit: AnyFit, column: str, found: summaries.LabelMeans) -> None:
        state, names = self.state, tuple(self.state.names)
        if fit is not state.fit or column != self.choices.group_of(fit):
            return
        before, self._means = self._means, (fit, column, found)
        digits = "0.000" if state.is_topics else "0.00"
        first = found.cells.head(MOST_SHOWN)
        titles = cut([str(label) for label in first.index], LONGEST)
        columns = [
            Column(state.kind.title(), width=96),
            Column("specificity", "0.00", width=76),
            *(
                Column(title, digits, f"{label}: {count:,} cells", 84)
                for title, (label, count) in zip(titles, first.items(), strict=True)
            ),
        ]
        if self.table is None or columns != self._columns:
            self._columns = columns
            self.table = Table(columns, on_row=self._choose, wide=True)
        if before is None or before[2] is not found or names != self._names:
            self._names = names
            means = found.means.to_numpy()[:, :MOST_SHOWN]
            self.table.fill([names, found.specificity.to_numpy(), *means.T])
        if list(self._panel) != [self.table.widget]:
            self._panel.objects = [self.table.widget]
        self.table.choose(state.factor)

    def _choose(self, rows: list[int]) -> None:
        self.state.choose_factor(rows[0] if rows else None)

    def export(self) -> Export | None:
        """The means as they stand."""
        if self._means is None:
            return None
        (fit, column, found), names = self._means, self._names
        signed = not self.state.is_topics
        means = found.means.set_axis(pd.Index(names, name="topic"))

        def draw() -> Any:
            from dashboard import figures

            return figures.topic_table(
                means, "mean score (prior sd)" if signed else "mean proportion", signed=signed
            )

        def data() -> pd.DataFrame:
            return means.assign(specificity=found.specificity.to_numpy())

        return Export(f"topics by {column}", draw, data, of=fit)
