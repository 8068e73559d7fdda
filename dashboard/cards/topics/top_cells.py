"""The cells that have most of the chosen topic."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.cards.card import Card, Place, same
from dashboard.cards.table import Column, Table
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.select import Select
from dashboard.state import AppState
from engine import summaries
from engine.results import AnyFit

HEAD = html.heading(
    "Top cells",
    "Cells with most of the chosen one. Click rows to select them.",
    "largest θ_ck; of factors largest |ẑ_ck|, posterior mode in prior standard deviations",
    "Proportions of cells with few counts are drawn towards the prior; a cell of few counts that "
    "stands high was carried there by few molecules. Cells that were chosen by a topic give no "
    "test of it.",
)
COUNTS = {"25": 25, "100": 100, "400": 400}


class TopCellsView(Card):
    """A table whose rows select cells, and a button that selects all of them."""

    tab, entry, place = "topics", "top cells", Place(1, 1, 1)
    front, key, word = "choices.table", "cells", "Top cells"
    follows = ("fit", "factor", "choices.group")
    factors = True

    def __init__(self, state: AppState, choices: TopicChoices) -> None:
        self.begin(state)
        self.choices = choices
        self._of: tuple[Any, ...] = ()
        self._cells = pd.DataFrame({"position": []})
        self.count = Select(
            label="Cells", options=COUNTS, value=100, size="small", width=80, margin=0
        )
        self.all = pmui.Button(
            label="Select all of them",
            variant="outlined",
            size="small",
            margin=0,
            on_click=one_message(lambda _event: self._choose(list(range(len(self._cells))))),
        )
        self.table = Table(
            [
                Column("Cell", width=150),
                Column("weight", "0.000", "Proportion of the topic, or score of the factor"),
                Column("counts", "0,0", "Total counts of the cell over the modelled genes"),
                Column("label"),
            ],
            on_row=self._choose,
            many=True,
        )
        self.count.param.watch(one_message(self.update), "value")
        self.build(
            HEAD,
            pn.Row(
                self.count,
                self.all,
                sizing_mode="stretch_width",
                margin=0,
                css_classes=["pair-top"],
                stylesheets=[html.STYLES],
            ),
            self.table,
        )

    def refresh(self, *_events: object) -> None:
        fit = self.fit
        if fit is None:
            return
        of = (fit, self.state.shown_factor, self.choices.group_of(fit), self.count.value)
        if same(of, self._of):
            return
        self._of = of
        self._cells = summaries.top_cells(fit, self.state.shown_factor, self.count.value)
        rows = self._cells
        self.table.fill(
            [
                [str(cell) for cell in rows.index],
                rows["weight"].to_numpy(),
                rows["total_counts"].to_numpy(),
                self._labels(fit),
            ]
        )

    def _labels(self, fit: AnyFit) -> list[str]:
        column = self._of[2]
        if column is None:
            return [""] * len(self._cells)
        labels = fit.obs[column].iloc[self._cells["position"]]
        return ["missing" if pd.isna(label) else str(label) for label in labels]

    def _choose(self, rows: list[int]) -> None:
        fit = self.state.fit
        if fit is None or not self._of or self._of[0] is not fit:
            return
        mask = np.zeros(len(fit.cells), bool)
        mask[self._cells["position"].to_numpy()[rows]] = True
        self.state.select(mask if rows else None)

    def export(self) -> Export | None:
        if not self._of:
            return None
        fit, topic, column, _count = self._of
        cells, name = self._cells, self.state.names[topic]
        table = cells.drop(columns="position").rename(columns={"weight": name})
        if column is not None:
            table[column] = self._labels(fit)

        def draw() -> Any:
            from dashboard import figures

            shown = cells["weight"].head(40)
            return figures.bars(shown, title=f"Cells of {name}", xlabel=name)

        return Export(f"cells of {name}", draw, lambda: table, of=fit)
