"""One group of cells against another: genes and factors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param
from scipy import sparse

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure
from dashboard.cards.groups.tab_choices import NOBODY, REST, SELECTED, GroupChoices
from dashboard.cards.table import SMALL, Column, Table
from dashboard.one_message import one_message
from dashboard.plots.volcano import Volcano
from dashboard.select import Select
from dashboard.state import AppState
from engine import Counts, differences
from engine.comparing import Differences
from engine.errors import EngineError
from engine.results import AnyFit
from engine.summaries import grouping_columns

NONE = "none"
ALONG = "A − B, CLR (nats)"
ASK = "Choose two groups of cells, and press Compare."
COLUMNS = {
    "difference": Column("A − B", "+0.00", "Difference of the CLR levels, nats", 58),
    "shrunken": Column("shrunken", "+0.00", "Given what all genes tell of each", 68),
    "lfsr": Column("lfsr", SMALL, "Local false sign rate", 64),
    "expressed_a": Column("in A", "0 %", "Share of the cells of A that express it", 46),
    "expressed_b": Column("in B", "0 %", "Share of the cells of B that express it", 46),
    "per_10k_a": Column("A /10⁴", "0.0", "Mean counts of 10,000 in A", 56),
    "per_10k_b": Column("B /10⁴", "0.0", "Mean counts of 10,000 in B", 56),
}


class GroupDifferences(Card):
    """Controls above a volcano and a table."""

    told = param.String(doc="What was compared, and what is not told.")

    tab, entry, place = "groups", "differences", Place(1)
    title = "A against B"
    caption = "Right: more frequent in A. Click a gene to choose it everywhere."
    formula = "Δ_g = l_A − l_B, y_c = μ + l + W z_c + ε_c, z ~ N(0, I); lfsr by adaptive shrinkage"
    caveat = (
        "Groups that were found in these very counts (drawn, or clusters of them) have had their "
        "test answered before it is asked: for them effects are told, and no error. Tick the box "
        "where the label comes from elsewhere: a treatment, a sort, another assay. Where cells are "
        "of several donors, donors are the unit: cells of one donor are alike."
    )
    follows = ("fit", "fit_counts", "partial", "selected", "marked", "choices.asked")
    needs = ("fit_counts",)
    listed = 20

    def __init__(self, state: AppState, browser: Browser, choices: GroupChoices) -> None:
        self.begin(state)
        self.choices = choices
        self.plot = Volcano()
        self.plot.on_gene(one_message(state.choose_gene))
        self.table = Table([Column("Gene"), *COLUMNS.values()], on_row=self._choose)
        small: dict[str, Any] = {"size": "small", "margin": 0, "options": [NONE]}
        self.label = Select(label="Label", width=140, **small)
        self.one = Select(label="A", width=150, **small)
        self.other = Select(label="B", width=150, **small)
        self.donor = Select(label="Unit", width=120, **small)
        self.external = pmui.Checkbox.from_param(
            choices.param.external, label="label not from these counts", size="small", margin=0
        )
        self.button = pmui.Button(
            label="Compare", size="small", margin=0, on_click=one_message(self._ask)
        )
        for widget, name in (
            (self.label, "label"),
            (self.one, "one"),
            (self.other, "other"),
            (self.donor, "donor"),
        ):
            widget.param.watch(self._pick(name), "value")
        self._filled: Any = None
        plain = html.heading(self.title, self.caption, self.formula, self.caveat)
        head = param.bind(
            lambda told: replace(plain, how=html.finding(told, told)) if told else plain,
            self.param.told,
        )
        self._message = html.pane("")
        self.build(
            head,
            pn.Row(
                self.label,
                self.one,
                self.other,
                self.donor,
                self.external,
                self.button,
                sizing_mode="stretch_width",
                height=36,
                margin=(10, 0, 0, 0),
                css_classes=["pair-top"],
                stylesheets=[html.STYLES],
            ),
            figure(self.plot.figure, self.table, message=self._message.param.object),
            browser=browser,
        )

    def refresh(self, *events: Any) -> None:
        self._offer()
        super().refresh(*events)

    def _offer(self) -> None:
        fit, choices = self.fit, self.choices
        able = fit is not None and fit.can("differences") and self.state.fit_counts is not None
        known = list(grouping_columns(fit)) if able and fit is not None else []
        selected = able and self.state.selected is not None
        labels = known + ([SELECTED] if selected else [])
        label = choices.label if choices.label in labels else (labels or [NONE])[0]
        self.label.param.update(options=labels or [NONE], value=label, disabled=not labels)
        levels = [] if label in (NONE, SELECTED) or fit is None else _levels(fit.obs[label])
        ones = levels or [label]
        one = choices.one if choices.one in ones else ones[0]
        others = [REST, *(level for level in levels if level != one)]
        other = choices.other if choices.other in others else REST
        self.one.param.update(options=ones, value=one, disabled=len(ones) < 2)
        self.other.param.update(options=others, value=other, disabled=len(others) < 2)
        units = [NOBODY, *(name for name in known if name != label)]
        donor = choices.donor if choices.donor in units else NOBODY
        self.donor.param.update(options=units, value=donor, disabled=len(units) < 2)
        self.external.disabled = label in (NONE, SELECTED)
        self.button.disabled = not labels
        if self.choices.asked is None or not able:
            words = ASK if able else "Groups are compared once a fit of factors has ended."
            self._message.object = html.empty(words)

    def _pick(self, name: str) -> Any:
        @one_message
        def picked(event: Any) -> None:
            if event.new != NONE:
                setattr(self.choices, name, event.new)
                self._offer()

        return picked

    def _ask(self, _event: object) -> None:
        label, selected = self.label.value, self.state.selected
        self.choices.asked = (
            self.fit,
            label,
            self.one.value,
            self.other.value,
            self.donor.value,
            self.external.value and label != SELECTED,
            selected if label == SELECTED else None,
        )

    def asks(self) -> tuple[Any, ...] | None:
        asked, counts = self.choices.asked, self.state.fit_counts
        if asked is None or counts is None or asked[0] is not self.fit:
            return None
        return (*asked, counts)

    def compute(
        self,
        fit: AnyFit,
        label: str,
        one: str,
        other: str,
        donor: str,
        external: bool,
        selected: np.ndarray | None,
        matrix: sparse.csc_matrix,
    ) -> Differences | EngineError:
        counts = Counts.from_arrays(sparse.csr_matrix(matrix), fit.genes, fit.cells, obs=fit.obs)
        if selected is not None:
            a, b = np.asarray(selected, bool), None
        else:
            levels = fit.obs[label].astype(str).to_numpy()
            a, b = levels == one, None if other == REST else levels == other
        try:
            return differences(
                fit, counts, a, b, donor=None if donor == NOBODY else donor, chosen=not external
            )
        except EngineError as error:
            return error

    def wait(self) -> None:
        self._message.object = html.empty("Comparing the groups.")

    def clear(self) -> None:
        self._filled = None
        self.plot.clear()
        self.told = ""

    def paint(self, result: Differences | EngineError) -> None:
        if isinstance(result, EngineError):
            self.clear()
            self._message.object = html.empty(str(result))
            return
        self._message.object = ""
        if result is not self._filled:
            self._filled = result
            self.plot.show(result.genes, "difference", ALONG)
            names = result.genes["gene"].astype(str).tolist()
            self.table.fill([names, *(result.genes[name].to_numpy() for name in COLUMNS)])
            unit = "donors" if result.unit == "donor" else "cells"
            words = f"{result.n_a:,} and {result.n_b:,} {unit}. {' '.join(result.notes)}"
            self.told = words
        self.plot.mark(self.state.marked)

    def _choose(self, rows: list[int]) -> None:
        if rows and self._filled is not None:
            self.state.choose_gene(str(self._filled.genes["gene"].iloc[rows[0]]))

    def draw(self, result: Differences) -> Any:
        from dashboard import figures

        return figures.volcano(result.genes, "difference", title=self.stem(), xlabel=ALONG)

    def tabulate(self, result: Differences) -> pd.DataFrame:
        return result.genes.set_index("gene")

    def stem(self) -> str:
        asked = self.choices.asked
        return f"{asked[2]} against {asked[3]}" if asked else "groups"

    def export(self) -> Any:
        return super().export() if isinstance(self.result, Differences) else None


def _levels(column: pd.Series) -> list[str]:
    return [str(level) for level in pd.unique(column.dropna().astype(str))]
