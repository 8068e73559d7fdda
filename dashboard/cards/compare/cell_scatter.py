"""Each cell in two runs: scores of matched factors, capture efficiency, likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.cards import colouring
from dashboard.cards.card import Card, Place, same
from dashboard.cards.compare.bar import strip
from dashboard.cards.compare.compared import Beside, Compared
from dashboard.cards.compare.tab_choices import CompareChoices
from dashboard.cards.explore.cell_map import cell_table, spreads
from dashboard.cards.explore.gene_pair import MOST_BARS, MOST_POINTS, sample
from dashboard.cards.frame import figure
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.compare_scatter import ComparedPoints
from dashboard.select import Select
from engine import summaries

HEAD = html.heading(
    "Cell by cell",
    "One point a cell that both runs have; on the dashed line they say the same.",
    "ẑ_cj in A against ẑ′_cl in B; ν_c = exp(−η_c); log p(u_c | N_c); error bars: ± 1 posterior "
    "standard deviation",
    "Scores are those of the chosen factor and of its match: the sign and the scale of a factor "
    "are its run's own, and rotation can spread one factor over two. Capture efficiency is there "
    "if both runs are LNMVCP. Of log p, in nats, cells above the line are better described by B; "
    "it is that of the counts given their total. At most 3,000 cells are drawn, 300 of them with "
    "error bars; r is over all.",
)
WORDS = {
    "score": "Chosen factor",
    "capture": "Capture efficiency",
    "log_marginal": "log p of the cell",
}
NOTHING = "nothing"
NONE_IN_BOTH = "One of the runs has no factors: the two say nothing of a cell that compares."
Inputs = tuple[Beside, str, int, int]


class ScatterView(Card):
    """A scatter of one quantity in both runs, and the choice of the quantity."""

    tab, entry, place = "compare", "cell by cell", Place(0, 1, 2)
    front, key, word = "choices.detail", "cells", "Cell by cell"
    follows = (
        *("fit", "names", "factor", "selected", "colour", "fit_counts"),
        *("compared.beside", "choices.quantity", "choices.by", "choices.beside"),
    )

    def __init__(self, compared: Compared, choices: CompareChoices) -> None:
        self.begin(compared.state)
        self.compared, self.choices = compared, choices
        self.plot = ComparedPoints()
        self._drawn: tuple[Any, ...] = ()
        self._index = np.zeros(0, int)
        self._words = html.pane()
        self.choice = Select(
            label="Compare", options=[WORDS["score"]], size="small", width=158, margin=0
        )
        self.bars = pmui.Switch(
            label="Error bars", size="small", width=110, margin=0, visible=False
        )
        message = html.bound(_missing, compared.param.said, compared.param.beside)
        self.choice.param.watch(self._pick, "value")
        self.bars.param.watch(self._draw_bars, "value")
        self.build(
            HEAD,
            strip(self.choice, self._words, self.bars),
            figure(self.plot.figure, message=message),
        )

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        names = {words: name for name, words in WORDS.items()}
        if event.new in names:
            self.choices.quantity = names[event.new]

    def refresh(self, *events: object) -> None:
        beside = self.compared.shown
        if beside is not None:
            known = summaries.quantities(beside.fit, beside.other.fit)
            options = [WORDS[name] for name in known] or [NOTHING]
            value = WORDS[self._quantity(known)] if known else NOTHING
            self.choice.param.update(options=options, value=value)
        super().refresh(*events)

    def _quantity(self, known: Sequence[summaries.Quantity]) -> summaries.Quantity:
        quantity: summaries.Quantity = self.choices.quantity
        return quantity if quantity in known else known[0]

    def inputs(self) -> Inputs | None:
        beside, choices = self.compared.shown, self.choices
        known = () if beside is None else summaries.quantities(beside.fit, beside.other.fit)
        if beside is None or not known:
            return None
        if (of := self._quantity(known)) != "score":
            return beside, of, 0, 0
        factor = self.state.shown_factor
        return beside, of, factor, beside.partner(choices.by, factor, choices.beside)

    def compute(self, beside: Beside, *inputs: Any) -> summaries.CellValues:
        return summaries.cell_values(beside.fit, beside.other.fit, *inputs)

    def paint(self, result: summaries.CellValues) -> None:
        state, inputs = self.state, self.inputs()
        if inputs is None:
            return
        fit = inputs[0].fit
        selected = None if state.selected is None else state.selected[result.here]
        index = sample(len(result.here), selected, MOST_POINTS)
        at = result.here[index]
        shown = colouring.shown(state).take(at)
        chosen = None if selected is None else selected[index]
        drawn = (result, self._titles(inputs))
        if not same(drawn, self._drawn) or not np.array_equal(index, self._index):
            self._drawn, self._index = drawn, index
            values, alike = result.values[index], inputs[1] != "score"
            self.plot.place(values, fit.cells[at], drawn[1], shown, chosen, same=alike)
        else:
            self.plot.paint(shown, chosen)
        self._words.object = self._describe(result)
        # Only capture efficiencies and scores of factors have standard deviations.
        self.bars.visible = result.sd is not None
        self._draw_bars()

    def _draw_bars(self, *_events: object) -> None:
        if self.result is not None:
            self.plot.bars.show(self.result.values[self._index], self._sd(self.result))

    def _sd(self, result: summaries.CellValues) -> np.ndarray | None:
        """(n, 2) lengths of the error bars of the cells that are drawn, NaN without one."""
        if result.sd is None or not self.bars.value:
            return None
        selected = self.state.selected
        chosen = None if selected is None else selected[result.here[self._index]]
        which = sample(len(self._index), chosen, MOST_BARS)
        sd = np.full((len(self._index), 2), np.nan)
        sd[which] = result.sd[self._index[which]]
        return sd

    def _titles(self, inputs: Inputs) -> tuple[str, str]:
        beside, of, factor, place = inputs
        if of == "capture":
            return "capture efficiency in A", "capture efficiency in B"
        if of == "log_marginal":
            return "log p in A (nats)", "log p in B (nats)"
        names = self.state.names[factor], beside.other.names[place]
        fits = beside.fit, beside.other.fit
        one, two = (colouring.score_title(f, n) for f, n in zip(fits, names, strict=True))
        return f"A: {one}", f"B: {two}"

    def _describe(self, result: summaries.CellValues) -> str:
        # Two short lines beside the choice and the switch.
        words = f"r = {html.number(result.correlation, 2)} over {len(result.here):,} cells"
        if not np.isfinite(result.correlation):
            words = f"no r: one run is constant; {len(result.here):,} cells"
        if len(self._index) < len(result.here):
            words += f", {len(self._index):,} drawn"
        return html.note(f"{words}.")

    def export(self) -> Export | None:
        state = self.state
        if self._answer is None or state.fit is not self._answer[0][0].fit:
            return None
        inputs, result = self._answer
        index, titles = self._index, self._titles(inputs)
        shown, cells = colouring.shown(state).take(result.here), inputs[0].fit.cells[result.here]
        selected = None if state.selected is None else state.selected[result.here]
        sd = self._sd(result)

        def draw() -> Any:
            from dashboard import figures

            chosen = None if selected is None else selected[index]
            return figures.cells(
                result.values[index], shown.take(index), titles=titles, selected=chosen, sd=sd
            )

        def table() -> pd.DataFrame:
            rows = cell_table(cells, result.values, titles, shown, selected)
            if result.sd is not None:
                rows = rows.assign(**spreads(titles, result.sd))
            return rows

        return Export(f"cells compared {inputs[1]}", draw, table)


def _missing(said: str, beside: Beside | None) -> str:
    if not said and beside is not None:
        said = "" if summaries.quantities(beside.fit, beside.other.fit) else NONE_IN_BOTH
    return html.empty(said)
