"""Effects of the covariates on the chosen gene."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.groups.known_effects import effects, missing
from dashboard.cards.uncertainty import interval, rate
from dashboard.export import Export
from dashboard.gene_ids import full, ids_of
from dashboard.state import AppState
from dashboard.templates import render
from engine.results import AnyFit

NO_GENE = "Click a gene, or find one: its coefficients are shown here."
POOLED = "This fit models no such gene."
ENDS = ["low_90", "high_90"]


class GeneCoefficients(Card):
    """A bar for each covariate, with its interval and how sure its sign is."""

    tab, entry, place = "groups", "coefficients", Place(0, 1)
    title = "Coefficients of a gene"
    caption = "Shrunken CLR effects of one unit, or of a level against the reference; nats."
    formula = "b_gj of y_c = μ + B x_c + W z_c + ε_c; posterior mean and 90 % interval over genes"
    caveat = (
        "Shrunken: given what all genes tell of each. The fold change is exp(b), relative to the "
        "genes' mean. lfsr: probability that the sign is another; s: mean lfsr of this gene and of "
        "all that are surer. Nothing is told of errors where fewer than three donors are on a side."
    )
    follows = ("fit", "marked")
    listed = 20

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        self._page = html.pane(sizing_mode="stretch_both", css_classes=["scroll"])
        head = html.heading(self.title, self.caption, self.formula, self.caveat)
        self.build(head, self._page, browser=browser)

    def inputs(self) -> tuple[Any, ...] | None:
        fit, marked = self.fit, self.state.marked
        return None if fit is None or missing(fit) or not marked else (fit, marked[0])

    def compute(self, fit: AnyFit, gene: str) -> pd.DataFrame:
        table = effects(fit)
        return table[table["gene"].astype(str) == gene].reset_index(drop=True)

    def clear(self) -> None:
        self._page.object = html.empty(missing(self.fit) or NO_GENE)

    def wait(self) -> None:
        self._page.object = html.empty("Working out the coefficients.")

    def paint(self, result: pd.DataFrame) -> None:
        fit, gene = self.fit, self.state.marked[0]
        self._page.object = (
            render("details.coefficients", full(gene, ids_of(fit)), _rows(result))
            if len(result)
            else html.empty(POOLED)
        )

    def export(self) -> Export | None:
        export = super().export()
        return export if export is not None and len(self.result) else None

    def draw(self, result: pd.DataFrame) -> Any:
        from dashboard import figures

        values = pd.Series(_best(result), index=result["column"].astype(str).to_numpy())
        ends = result[ENDS].set_axis(["low", "high"], axis=1)
        known = ends if ends.notna().all(axis=None) else None
        title, along = str(result["gene"].iloc[0]), "CLR effect (nats)"
        return figures.bars(values, title=title, xlabel=along, ends=known)

    def tabulate(self, result: pd.DataFrame) -> pd.DataFrame:
        return result.set_index(["gene", "column"])

    def stem(self) -> str:
        return f"coefficients of {self.state.marked[0]}" if self.state.marked else "coefficients"


def _best(table: pd.DataFrame) -> np.ndarray:
    """Shrunken effects; plain effects where there is no error."""
    return np.asarray(table["shrunken"].fillna(table["effect"]), float)


def _rows(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Of each covariate: name, unit, bar, effect, interval, and other numbers in words."""
    values = _best(table)
    limit = float(np.abs([values, *table[ENDS].fillna(0.0).to_numpy().T]).max(initial=0.0))
    rows = []
    for value, row in zip(values, table.to_dict("records"), strict=True):
        width = 50 * min(abs(value) / limit, 1) if limit else 0.0
        start = 50 if value >= 0 else 50 - width
        bar = "up" if value >= 0 else "down", f"{start:.1f}", f"{width:.1f}"
        number = ("+" if value > 0 else "") + html.number(value, 2)
        fold = f"{html.number(float(np.exp(value)), 2)} ×"
        unit, ends, rest = "not tested", "", [fold]
        if np.isfinite(row["low_90"]):
            unit, ends = f"by {row['unit']}", interval(row["low_90"], row["high_90"])
            rest += [f"lfsr {rate(row['lfsr'])}", f"s {rate(row['s_value'])}"]
        rows.append((str(row["column"]), unit, *bar, number, ends, rest))
    return rows
