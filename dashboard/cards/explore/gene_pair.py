"""Two genes compared cell by cell."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from dashboard import html, lists
from dashboard.bare import NO_FINDING, bare_words, is_bare
from dashboard.cards import colouring
from dashboard.cards.card import Card, Place, same
from dashboard.cards.explore.cell_map import cell_table, spreads
from dashboard.cards.frame import figure
from dashboard.cards.uncertainty import interval, pair_uncertainty, rate
from dashboard.cards.wording import heading
from dashboard.export import Export
from dashboard.plots.pair import PairPlot
from dashboard.state import AppState
from dashboard.templates import render
from engine import summaries
from engine.checks import Uncertainty, structure_of
from engine.results import AnyFit

HEAD = html.heading(
    "Pair",
    "One point a cell: CLR of both genes at the posterior mode.",
    "clr ρ_cg = μ_g + w_g · ẑ_c + ê_cg; error bars: ± 1 posterior standard deviation",
    "Posterior modes are drawn towards the mean where counts are few, so their correlation is not "
    "that of the model. Without the counts, the gene's own residual e is left out (factors only). "
    "Correlation within cells that were selected by looking is a description, not a test.",
)
TOPICS = html.heading(
    "Pair",
    "One point a cell: CLR of both genes as its topics have them.",
    "clr(Σ_k θ_ck β_k)[g], with θ_c the proportions of the topics in cell c",
    "Topics leave a cell nothing of its own, so the points show how topics mix and nothing of "
    "the noise of the counts. Correlation within cells that were selected by looking is a "
    "description, not a test.",
)
EMPTY = "Click a cell of the heatmap, or a gene in the list of the Gene tab, to compare two genes."
MOST_POINTS, MOST_BARS = 3_000, 300
# Residuals of a cell need all its features: this many elements take about 0.25 s.
MOST_ELEMENTS = 6_000_000
# A correlation that is shown as zero.
_ZERO = 0.005


class PairView(Card):
    """Scatter of two genes."""

    tab, entry, place = "explore", "pair", Place(1, 1, 1)
    front, word = "state.detail", "Pair"
    follows = (
        *("uncertainty", "pair", "fit", "fit_counts"),
        *("selected", "colour", "factor", "names"),
    )
    behind = True

    def __init__(self, state: AppState) -> None:
        self.begin(state)
        self.plot = PairPlot()
        self._of: tuple[object, ...] = ()
        self._index = np.zeros(0, int)
        self._values = pd.DataFrame()
        self._sd: np.ndarray | None = None
        self._words = html.pane()
        self._bars = pmui.Switch(label="Error bars", size="small", width=110, margin=0)
        self._bars.param.watch(self._draw_bars, "value")
        self.build(
            heading(state, HEAD, TOPICS),
            pn.Row(
                self._words,
                self._bars,
                sizing_mode="stretch_width",
                margin=0,
                css_classes=["pair-top"],
                stylesheets=[html.STYLES],
            ),
            figure(self.plot.figure, message=html.bound(_waiting, state.param.pair)),
        )

    def refresh(self, *_events: object) -> None:
        state, fit, pair = self.state, self.state.fit, self.state.pair
        if fit is None:
            return
        # Topics have no standard deviations to draw: EM gives none.
        self._bars.visible = pair is not None and not state.is_topics
        if pair is None:
            self._words.object, self._of = "", ()
            return
        index = sample(len(fit.cells), state.selected, self._most(fit))
        of = (fit, state.fit_counts, *pair)
        new = not same(of, self._of) or not np.array_equal(index, self._index)
        if new:
            self._of, self._index = of, index
            self._values = summaries.cell_clr(fit, pair, cells=index, counts=state.fit_counts)
        shown = colouring.shown(state).take(index)
        if new:
            self.plot.place(self._values, shown, self._selected_points(), self._titles(pair))
        else:
            self.plot.paint(shown, self._selected_points())
        self._words.object = self._describe(fit, pair)
        self._draw_bars()

    def _most(self, fit: AnyFit) -> int:
        if self.state.fit_counts is None or self.state.is_topics:
            return MOST_POINTS
        return min(MOST_POINTS, MOST_ELEMENTS // len(fit.genes))

    def _selected_points(self) -> np.ndarray | None:
        selected = self.state.selected
        return None if selected is None else selected[self._index]

    def _titles(self, pair: tuple[str, str]) -> tuple[str, str]:
        unit = "nats" if self.state.fit_counts is not None else "nats; factors only"
        if self.state.is_topics:
            unit = "nats; topics only"
        return f"{pair[0]} CLR ({unit})", f"{pair[1]} CLR ({unit})"

    def _draw_bars(self, *_events: object) -> None:
        state = self.state
        if state.fit is None or state.pair is None or not self._of:
            return
        self._sd = None
        if self._bars.value and state.fit.can("weight_sd"):
            which = sample(len(self._index), self._selected_points(), MOST_BARS)
            cells, pair = self._index[which], state.pair
            self._sd = np.full(self._values.shape, np.nan)
            self._sd[which] = summaries.cell_clr_sd(
                state.fit, pair, cells=cells, counts=state.fit_counts
            )
        self.plot.bars.show(self._values.to_numpy(), self._sd)

    def _describe(self, fit: AnyFit, pair: tuple[str, str]) -> str:
        r = float(summaries.clr_correlation(fit, pair).to_numpy()[0, 1])
        tables = pair_uncertainty(fit, self.state.uncertainty, pair)
        sure = tables is not None and not is_bare(fit)
        own = {name: table[0, 1] for name, table in tables.items()} if tables else {}
        model = f"r = {html.number(r, 2)}"
        if sure:
            model += f", 90 % {interval(own['low'], own['high'])}"
        if fit.can("residuals"):
            alone = round(float(summaries.closure_correlation(fit, pair).to_numpy()[0, 1]), 2)
            # Adding 0.0 makes −0.0 positive.
            model += f" (by closure alone {html.number(alone + 0.0, 2)})"
        if sure:
            model += f"; given all other pairs {_given_all(own)}"
            model += f"; false sign {rate(own['lfsr'])}, or small {rate(own['fsos'])}"
        words = [f"Model: {model}."]
        if is_bare(fit):
            words.append(f"{bare_words(fit)} {NO_FINDING}")
        words += _missed(fit, self.state.uncertainty, pair)
        known = summaries.genes_at_bound(fit).genes
        if held := " and ".join(gene for gene in pair if gene in known):
            words.append(f"Do not rely on it: d of {held} is at its limit.")
        if (chosen := self._selected_points()) is not None:
            x, y = self._values.to_numpy(float)[chosen].T
            if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
                within = html.number(float(np.corrcoef(x, y)[0, 1]), 2)
                words.append(f"Shown values of {len(x):,} selected cells: r = {within}.")
        if len(self._index) < len(fit.cells):
            words.append(f"{len(self._index):,} of {len(fit.cells):,} cells drawn.")
        swap = lists.press("pair", json.dumps([pair[1], pair[0]]), "Swap axes", kind="act")
        return render("details.pair", " ".join(words), swap)

    def export(self) -> Export | None:
        state, pair, index = self.state, self.state.pair, self._index
        if state.fit is None or pair is None or not self._of:
            return None
        shown = colouring.shown(state).take(index)
        values, titles, chosen = self._values, self._titles(pair), self._selected_points()
        xy, sd = values.to_numpy(), self._sd

        def draw() -> Any:
            from dashboard import figures

            return figures.cells(xy, shown, titles=titles, selected=chosen, sd=sd)

        def table() -> pd.DataFrame:
            table = cell_table(values.index, xy, titles, shown, chosen)
            return table if sd is None else table.assign(**spreads(titles, sd))

        return Export(f"pair {pair[0]} {pair[1]}", draw, table)


def _missed(fit: AnyFit, result: object, pair: tuple[str, str]) -> list[str]:
    """A warning if factors miss something: which pairs miss most is not known, but for a few."""
    known = result.structure if isinstance(result, Uncertainty) else structure_of(fit)
    if known is None or known.nothing:
        return []
    if any({*pair} == {*one} for one in known.pairs):
        return ["Factors miss this pair: what is told of it does not hold."]
    return ["Factors miss something, which may be of this pair."] if known.significant else []


def _given_all(own: dict[str, float]) -> str:
    """The shrunken correlation: zero is not known, only that it cannot be told from zero."""
    mean, low, high = (own[name] for name in ("shrunken", "shrunken_low", "shrunken_high"))
    if max(abs(low), abs(high)) < _ZERO:
        return "it cannot be told from zero"
    return f"{html.number(mean, 2)}, 90 % {interval(low, high)}"


def _waiting(pair: tuple[str, str] | None) -> str:
    return "" if pair else html.empty(EMPTY)


def sample(count: int, selected: np.ndarray | None, most: int) -> np.ndarray:
    """Sorted positions of at most so many cells: selected ones first, then others at random."""
    if count <= most:
        return np.arange(count)
    rng = np.random.default_rng(0)
    chosen = np.zeros(0, int) if selected is None else np.flatnonzero(selected)
    if len(chosen) >= most:
        return np.sort(rng.choice(chosen, most, replace=False, shuffle=False))
    others = count if selected is None else np.flatnonzero(~selected)
    more = rng.choice(others, most - len(chosen), replace=False, shuffle=False)
    return np.sort(np.concatenate([chosen, more]))
