"""Topics against the labels of the cells."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn

from dashboard import html
from dashboard.cards.card import Card, Place
from dashboard.cards.table import Column, Table
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.cut import cut
from dashboard.export import Export
from dashboard.state import AppState
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


class LabelsView(Card):
    """A table with a row for each topic and a column for each label."""

    tab, entry, place = "topics", "labels", Place(1, 1, 0)
    front, word = "choices.table", "Labels"
    follows = ("fit", "names", "factor", "choices.group")
    factors = True

    def __init__(self, state: AppState, choices: TopicChoices) -> None:
        self.begin(state)
        self.choices = choices
        self._means: tuple[AnyFit, str, summaries.LabelMeans] | None = None
        self.table: Table | None = None
        self._columns: list[Column] = []
        self._names: tuple[str, ...] = ()
        self._words = html.pane(sizing_mode="stretch_both")
        self.build(HEAD, pn.Column(self._words, sizing_mode="stretch_both", margin=0))

    def inputs(self) -> tuple[AnyFit, str] | None:
        if (fit := self.fit) is None or (column := self.choices.group_of(fit)) is None:
            return None
        return fit, column

    def compute(self, fit: AnyFit, column: str) -> summaries.LabelMeans:
        return summaries.label_means(fit, column)

    def clear(self) -> None:
        if self.fit is not None:
            self._means = None
            self._words.object = html.empty(EMPTY)
            self._panel.objects = [self._words]

    def paint(self, result: summaries.LabelMeans) -> None:
        state, names, inputs = self.state, tuple(self.state.names), self.inputs()
        if inputs is None:
            return
        before, self._means = self._means, (*inputs, result)
        digits = "0.000" if state.is_topics else "0.00"
        first = result.cells.head(MOST_SHOWN)
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
        if before is None or before[2] is not result or names != self._names:
            self._names = names
            means = result.means.to_numpy()[:, :MOST_SHOWN]
            self.table.fill([names, result.specificity.to_numpy(), *means.T])
        if list(self._panel) != [self.table.widget]:
            self._panel.objects = [self.table.widget]
        self.table.choose(state.factor)

    def _choose(self, rows: list[int]) -> None:
        self.state.choose_factor(rows[0] if rows else None)

    def export(self) -> Export | None:
        if self._means is None:
            return None
        (fit, column, result), names = self._means, self._names
        signed = not self.state.is_topics
        means = result.means.set_axis(pd.Index(names, name=self.state.kind))

        def draw() -> Any:
            from dashboard import figures

            return figures.topic_table(
                means,
                f"mean score ({fit.vocabulary.unit})" if signed else "mean proportion",
                signed=signed,
            )

        def data() -> pd.DataFrame:
            return means.assign(specificity=result.specificity.to_numpy())

        return Export(f"topics by {column}", draw, data, of=fit)
