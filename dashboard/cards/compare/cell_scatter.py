"""Each cell in two runs: scores of matched factors, capture efficiency, likelihood."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.cards import colouring
from dashboard.cards.background import summarised
from dashboard.cards.compare.bar import strip
from dashboard.cards.compare.choices import TAB, CompareChoices
from dashboard.cards.compare.compared import Beside, Compared
from dashboard.cards.explore.cell_map import cell_table
from dashboard.cards.explore.gene_pair import MOST_BARS, MOST_POINTS, sample
from dashboard.cards.frame import figure
from dashboard.export import Export
from dashboard.plots.compare_scatter import ComparedPoints
from dashboard.select import Select
from dashboard.together import together
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
Asked = tuple[Beside, str, int, int]


class ScatterView(pn.viewable.Viewer):
    """A scatter with a choice of what is compared; a body without a card."""

    def __init__(self, compared: Compared, choices: CompareChoices) -> None:
        super().__init__()
        self.compared, self.choices, self.state = compared, choices, compared.state
        self.plot = ComparedPoints()
        self.working: Future[None] | None = None
        self.found: summaries.CellValues | None = None
        self._asked: Asked | None = None
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
        self._panel = pn.Column(
            strip(self.choice, self._words, self.bars),
            figure(self.plot.figure, message=message),
            sizing_mode="stretch_both",
            margin=0,
        )
        self.choice.param.watch(self._pick, "value")
        self.bars.param.watch(self._draw_bars, "value")
        self.state.param.watch(
            self._update, ["tab", "fit", "names", "factor", "selected", "colour", "fit_counts"]
        )
        compared.param.watch(self._update, "beside")
        choices.param.watch(self._update, ["detail", "quantity", "by", "beside"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @together
    def _pick(self, event: param.parameterized.Event) -> None:
        names = {words: name for name, words in WORDS.items()}
        if event.new in names:
            self.choices.quantity = names[event.new]

    def _update(self, *_events: object) -> None:
        state, beside, choices = self.state, self.compared.beside, self.choices
        if state.tab != TAB or choices.detail != "cells":
            return
        if beside is None or beside.fit is not state.fit:
            self._asked, self.found = None, None
            return
        known = summaries.quantities(beside.fit, beside.other.fit)
        if not known:
            self._asked, self.found = None, None
            self.choice.param.update(options=[NOTHING], value=NOTHING)
            return
        of: Any = choices.quantity if choices.quantity in known else known[0]
        self.choice.param.update(options=[WORDS[name] for name in known], value=WORDS[of])
        factor = state.shown_factor
        place = beside.partner(choices.by, factor, choices.beside)
        asked = (beside, of, factor, place) if of == "score" else (beside, of, 0, 0)
        if self._asked is None or self._asked[0] is not beside or self._asked[1:] != asked[1:]:
            self._asked, self.found = asked, None
            self.working = summarised(
                state,
                lambda: summaries.cell_values(beside.fit, beside.other.fit, *asked[1:]),
                lambda found: self._came(asked, found),
            )
        elif self.found is not None:
            self._draw(asked, self.found)

    def _came(self, asked: Asked, found: summaries.CellValues) -> None:
        if self._asked is asked:
            self.found, self._drawn = found, ()
            self._draw(asked, found)

    def _draw(self, asked: Asked, found: summaries.CellValues) -> None:
        state, fit = self.state, asked[0].fit
        if state.fit is not fit:
            return
        selected = None if state.selected is None else state.selected[found.here]
        index = sample(len(found.here), selected, MOST_POINTS)
        at = found.here[index]
        shown = colouring.shown(state).take(at)
        chosen = None if selected is None else selected[index]
        drawn = (found, self._titles(asked))
        new = not self._drawn or self._drawn[0] is not found or self._drawn[1] != drawn[1]
        if new or not np.array_equal(index, self._index):
            self._drawn, self._index = drawn, index
            values, same = found.values[index], asked[1] != "score"
            self.plot.place(values, fit.cells[at], drawn[1], shown, chosen, same=same)
        else:
            self.plot.paint(shown, chosen)
        self._words.object = self._said(found)
        # Capture efficiencies and scores of factors have a spread, and only they.
        self.bars.visible = found.sd is not None
        self._draw_bars()

    def _draw_bars(self, *_events: object) -> None:
        if self.found is not None:
            self.plot.bars.show(self.found.values[self._index], self._sd(self.found))

    def _sd(self, found: summaries.CellValues) -> np.ndarray | None:
        """(n, 2) lengths of the error bars of the cells that are drawn, NaN without one."""
        if found.sd is None or not self.bars.value:
            return None
        selected = self.state.selected
        chosen = None if selected is None else selected[found.here[self._index]]
        which = sample(len(self._index), chosen, MOST_BARS)
        sd = np.full((len(self._index), 2), np.nan)
        sd[which] = found.sd[self._index[which]]
        return sd

    def _titles(self, asked: Asked) -> tuple[str, str]:
        beside, of, factor, place = asked
        if of == "capture":
            return "capture efficiency in A", "capture efficiency in B"
        if of == "log_marginal":
            return "log p in A (nats)", "log p in B (nats)"
        names = self.state.names[factor], beside.other.names[place]
        fits = beside.fit, beside.other.fit
        one, two = (colouring.score_title(f, n) for f, n in zip(fits, names, strict=True))
        return f"A: {one}", f"B: {two}"

    def _said(self, found: summaries.CellValues) -> str:
        # Two short lines beside the choice and the switch.
        words = f"r = {html.number(found.correlation, 2)} over {len(found.here):,} cells"
        if not np.isfinite(found.correlation):
            words = f"no r: one run is constant; {len(found.here):,} cells"
        if len(self._index) < len(found.here):
            words += f", {len(self._index):,} drawn"
        return html.note(f"{words}.")

    def export(self) -> Export | None:
        """The points that are drawn; the table of all cells."""
        found, asked, state = self.found, self._asked, self.state
        if found is None or asked is None or state.fit is not asked[0].fit:
            return None
        index, titles = self._index, self._titles(asked)
        shown, cells = colouring.shown(state).take(found.here), asked[0].fit.cells[found.here]
        selected = None if state.selected is None else state.selected[found.here]
        sd = self._sd(found)

        def draw() -> Any:
            from dashboard import figures

            chosen = None if selected is None else selected[index]
            return figures.cells(
                found.values[index], shown.take(index), titles=titles, selected=chosen, sd=sd
            )

        def table() -> pd.DataFrame:
            told = cell_table(cells, found.values, titles, shown, selected)
            if found.sd is not None:
                told[[f"{title}, sd" for title in titles]] = found.sd
            return told

        return Export(f"cells compared {asked[1]}", draw, table)


def _missing(said: str, beside: Beside | None) -> str:
    if not said and beside is not None:
        said = "" if summaries.quantities(beside.fit, beside.other.fit) else NONE_IN_BOTH
    return html.empty(said)
