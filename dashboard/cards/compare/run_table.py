"""All runs on the data of the open one, in a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.check.findings import MODES
from dashboard.cards.compare.compared import Compared, Survey
from dashboard.cards.compare.tab_choices import CompareChoices
from dashboard.cards.frame import figure
from dashboard.cards.table import Column, Table
from dashboard.export import Export

HEAD = html.heading(
    "Runs side by side",
    "Gain: better than the open run (A) per held-out count. Click a run to compare it in detail.",
    "Δ = Σ_c (ℓ′_c − ℓ_c) / Σ_c v_c, ℓ_c = Σ_g v_cg log E[ρ_cg | first half], v the second half of "
    "the counts of a held-out cell; ± its standard error over cells, paired",
    "Scores compare only on the same halves of the same cells and the same genes: runs with the "
    "same seed and share of held-out cells. log p is the mean log-marginal likelihood of the cells "
    "that this run and A were fitted to, given their totals: larger with more factors whether "
    "or not they mean anything, so compare held-out cells where you can. It is that of the "
    "composition alone: LNM and LNMVCP differ in their model of totals, which it leaves "
    "out. ≥ marks a lower bound, of an encoder without refinement; of LDA there is none. Misfits "
    "are those that predictive checks of one mode have found, the mode that most runs were checked "
    "in; – where no such check was made.",
)
COLUMNS = {
    "run": Column("Run", width=114),
    "model": Column("Model", width=70),
    "size": Column("Size", "0", "Number of factors or topics", 36),
    "perplexity": Column("Perplexity", "0,0.0", "Of the held-out cells: the lower the better", 66),
    "gain": Column("Gain", "+0.0000", "Nats per held-out count, compared with A", 58),
    "gain_se": Column("±", "0.0000", "Standard error of the gain, over the same cells", 52),
    "scored": Column("Held out", tip="Whether the same cells were scored as for A", width=80),
    "log_marginal": Column("log p", tip="Mean log-marginal likelihood of cells, nats", width=76),
    "marginal_gain": Column("Δ log p", "+0,0.00", "Nats per cell, compared with A", 66),
    "marginal_gain_se": Column("±", "0,0.00", "Standard error of Δ log p, over cells", 48),
    "misfits": Column("Misfits", "0,0", "Found by a predictive check", 54),
    "check": Column("Check", tip="That found the misfits: its mode and draws", width=150),
    "inference": Column("Inference", width=66),
    "seconds": Column("Time (s)", "0,0.0", "Seconds of the fit", 62),
    "passes": Column("Passes", "0,0", "Over the cells", 52),
    "state": Column("State", width=64),
    "seed": Column("Seed", "0", "Of the fit and of the held-out cells", 46),
    "settings": Column("Other settings", tip="Those that differ from A's", width=180),
}
# From the open run, which has none itself.
DIFFERENCES = ["gain", "gain_se", "marginal_gain", "marginal_gain_se"]


class RunsView(Card):
    """A table in which the row of run B is selected."""

    tab, entry, place = "compare", "comparison", Place(0, 0)
    follows = ("compared.survey", "compared.beside", "choices.left_out")
    behind = True

    def __init__(self, compared: Compared, choices: CompareChoices, browser: Browser) -> None:
        self.begin(compared.state)
        self.compared, self.choices = compared, choices
        self.table = Table(list(COLUMNS.values()), on_row=self._choose, wide=True)
        self._shown: pd.DataFrame | None = None
        self._others = html.live(_refused, compared.param.survey)
        message = html.bound(_waiting, compared.param.survey, compared.param.said)
        self.build(
            HEAD,
            figure(self.table, message=message),
            self._others,
            browser=browser,
        )

    def refresh(self, *_events: object) -> None:
        survey = self.compared.survey
        if survey is None:
            self._shown = None
            return
        listed = ~survey.table.index.isin(self.choices.left_out)
        # The open run always stays.
        listed[0] = True
        table = survey.table[listed]
        if self._shown is None or not table.equals(self._shown):
            self._shown = table
            self.table.fill(columns(table))
        beside, known = self.compared.beside, table.index.tolist()
        there = beside is not None and beside.run in known
        self.table.choose(known.index(beside.run) if beside is not None and there else None)

    def _choose(self, rows: list[int]) -> None:
        if self._shown is None or not rows:
            return
        run = str(self._shown.index[rows[0]])
        if run == self.state.run:
            self.refresh()
        else:
            self.state.other = run

    def export(self) -> Export | None:
        table = self._shown
        if table is None:
            return None

        def draw() -> Any:
            from dashboard import figures

            return figures.compare_scores(table)

        return Export("runs compared", draw, lambda: table)


def columns(table: pd.DataFrame) -> list[Any]:
    """The table, column by column, as it is shown."""
    shown = table.copy()
    shown["run"] = [f"A: {table['run'].iloc[0]}", *table["run"].iloc[1:]]
    shown["model"] = [model.upper() for model in table["model"]]
    bounds = ["≥ " if bound else "" for bound in table["is_bound"]]
    shown["log_marginal"] = [
        "–" if np.isnan(value) else f"{bound}{html.number(value, 1)}"
        for value, bound in zip(table["log_marginal"], bounds, strict=True)
    ]
    shown["check"] = [
        f"{MODES[mode]}, {html.number(draws, 0)} draws" if mode else "–"
        for mode, draws in zip(table["check"], table["draws"], strict=True)
    ]
    shown.loc[shown.index[0], DIFFERENCES] = np.nan
    return [shown[name].to_numpy() for name in COLUMNS]


def _waiting(survey: Survey | None, said: str) -> str:
    return html.empty(said) if survey is None else ""


def _refused(survey: Survey | None) -> str:
    if survey is None or not survey.refused:
        return ""
    count = len(survey.refused)
    runs = f"{count:,} runs are" if count > 1 else "1 run is"
    return html.how_to_read(f"{runs} on other data, or cannot be read, and left out.")
