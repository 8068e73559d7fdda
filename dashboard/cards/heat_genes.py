"""Which genes a heatmap shows: the widgets that choose them, and their names."""

from __future__ import annotations

from typing import Any

import pandas as pd
import param

from dashboard.bare import is_bare
from dashboard.one_message import one_message
from dashboard.select import Select
from dashboard.state import AppState
from engine import summaries
from engine.results import AnyFit


class HeatGenes:
    """Chooses top genes, those of a factor, or those near a marked gene, and their number.

    All heatmaps of the page share the choice. ``widgets`` go into a card.
    """

    def __init__(self, state: AppState) -> None:
        self.state = state
        self.which = Select(
            label="Genes", options={"Top genes": "top"}, size="small", width=148, margin=0
        )
        count = Select.from_param(
            state.param.top_genes,
            label="How many",
            options=[25, 50, 100, 200, 400],
            size="small",
            width=72,
            description="",
            margin=0,
        )
        self.widgets = (self.which, count)
        self.which.param.watch(self._pick, "value")

    def update(self) -> None:
        """Update the options from the state."""
        # Another gene needs another value: a select does not show a change of the words alone.
        state = self.state
        values = {"top": "top", "factor": "factor"}
        options = {"Top genes": "top"}
        if not is_bare(state.fit):
            options[f"Chosen {state.kind}"] = "factor"
        if state.marked:
            values["gene"] = f"gene {state.marked[0]}"
            options[f"Near {state.marked[0]}"] = values["gene"]
        self.which.param.update(options=options, value=values.get(state.heat, "top"))

    def choice(self) -> tuple[Any, ...]:
        """The choice of genes: its kind, their number, and the factor or gene that it is about."""
        return self.state.heat, self.state.top_genes, self._about()

    def of(self, fit: AnyFit) -> pd.Index:
        """The genes of a fit that are chosen now."""
        return genes(fit, *self.choice())

    def _about(self) -> object:
        if self.state.heat == "gene" and self.state.marked:
            return self.state.marked[0]
        return self.state.shown_factor if self.state.heat == "factor" else None

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        state = self.state
        heat = str(event.new).split(" ", 1)[0]
        if heat == state.heat:
            return
        if heat == "factor" and state.factor is None:
            state.choose_factor(state.shown_factor)
        else:
            state.heat = heat


def genes(fit: AnyFit, heat: str, count: int, about: object) -> pd.Index:
    """The genes of a fit that `HeatGenes.choice` names."""
    if heat == "factor" and isinstance(about, int):
        return summaries.factor_genes(fit, about, count)
    if heat == "gene" and isinstance(about, str):
        near = summaries.correlation_with(fit, about).index[: count - 1]
        return near.insert(0, about)
    return summaries.programme_genes(fit, count)
