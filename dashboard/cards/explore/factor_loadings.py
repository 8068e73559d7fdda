"""The factors or topics: how much each takes, which genes it moves, and those of the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.bare import is_bare
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.explore.label_words import Explained
from dashboard.cards.frame import figure, waiting
from dashboard.cards.uncertainty import gene_intervals
from dashboard.cards.wording import words
from dashboard.cut import cut
from dashboard.export import Export
from dashboard.gene_ids import ids_of
from dashboard.lists import percent
from dashboard.one_message import one_message
from dashboard.plots.loading_bars import LoadingBars
from dashboard.plots.loadings import ON_PAPER, LoadingsMap, leading_genes, strongest
from dashboard.select import Select
from dashboard.state import LONGEST_NAME, AppState
from engine import summaries
from engine.results import AnyFit

NAME, NONE = "New name", "none"
LONGEST_TITLE = 12
# Names in the table of the columns of `gene_intervals`.
ENDS = {"low": "5 %", "high": "95 %", "lfsr": "false sign rate"}
ROTATION = " Loadings are known up to rotation and shown on their principal axes."

HEAD = html.heading(
    "Factor loadings",
    "Genes a factor raises (red) or lowers (blue). Click a column or a name.",
    "W_clr = H W, on its principal axes (thin SVD); bars: W_clr[g, factor]",
    "W is known up to rotation only. Factors are ordered by the CLR variance they explain and "
    "signed so that the largest |loading| is positive. The image shows the strongest genes of "
    "every factor, beside the factor that moves them most. Lines on the bars, once intervals were "
    "worked out: 90 % intervals, the axes held where they are. A line below the title names labels "
    f"that explain a factor. {summaries.LABEL_ADVICE}",
)

TOPICS = html.heading(
    "Genes of topics",
    "Genes more (red) and less (blue) frequent in a topic than on average. Click one.",
    "log β_gk − (1/K) Σ_k' log β_gk', β_gk the probability of gene g in topic k; nats",
    "The image and the bars show the genes with the largest β_gk log(β_gk / mean), so that genes "
    "as good as never seen do not come first. The mean is the geometric one over all topics. The "
    "bars above the image are shares of all counts, by which topics are ordered.",
)


class LoadingsView(Card):
    """Image of the strongest loadings beside the strongest genes of the chosen factor."""

    tab, entry, place = "explore", "loadings", Place(1, 0)
    caption = "What each {kind} does to the genes, of all and of one; above, how much it takes."
    follows = ("fit", "factor", "names", "marked", "uncertainty")
    factors = behind = True

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        self.browser = browser
        self.map, self.bars = LoadingsMap(), LoadingBars()
        self.explained = Explained(state)
        self._fit: AnyFit | None = None
        self._drawn: tuple[int, list[str], Any] | None = None
        self._loadings = pd.DataFrame()
        self._weights: pd.DataFrame | None = None
        self._shares = pd.Series(dtype=float)
        self._rows = pd.DataFrame()
        self._factor = Select(
            label="Chosen", options=["factor 1"], size="small", width=104, margin=0
        )
        self._name = pmui.TextInput(
            label=NAME, max_length=LONGEST_NAME, size="small", width=130, margin=0, visible=False
        )
        rename = pmui.IconButton(
            icon="edit", size="small", margin=0, description="Rename", on_click=self._rename
        )
        previous, following = (
            pmui.IconButton(
                icon=icon,
                size="small",
                margin=0,
                description=words,
                on_click=one_message(lambda _event, by=by: state.step_factor(by)),
            )
            for icon, words, by in (
                ("chevron_left", "Previous", -1),
                ("chevron_right", "Next", 1),
            )
        )
        self.map.on_factor(one_message(state.choose_factor))
        self.map.on_gene(one_message(state.choose_gene))
        self.bars.on_gene(one_message(state.choose_gene))
        self._factor.param.watch(self._pick, "value")
        self._name.param.watch(self._keep_name, "enter_pressed")
        self.build(
            self.explained.heading(HEAD, TOPICS),
            figure(self.map.figure, self.bars.figure, message=waiting(state, factors=True)),
            browser=browser,
            tools=(previous, self._factor, self._name, following, rename),
        )

    @classmethod
    def caption_of(cls, fit: AnyFit | None) -> str:
        mixes = fit is not None and fit.can("mixtures")
        return super().caption_of(fit) + ("" if mixes else ROTATION)

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        self.state.choose_named(event.new)

    def _rename(self, _event: object) -> None:
        if self._fit is None or self._name.visible:
            self._stop_renaming()
            return
        name = self.state.names[self.state.shown_factor]
        self._name.param.update(value=name, value_input=name, visible=True)
        self._factor.visible = False
        self.browser.focus(NAME)

    def _keep_name(self, *_events: object) -> None:
        if self._name.visible:
            self.state.rename_factor(self.state.shown_factor, self._name.value_input or "")
            self._stop_renaming()

    def _stop_renaming(self) -> None:
        self._name.visible = False
        self._factor.visible = True

    def refresh(self, *_events: object) -> None:
        fit, factor, names = self.fit, self.state.shown_factor, self.state.names
        if fit is None:
            self._fit = None
            self._stop_renaming()
            self._factor.param.update(options=[NONE], value=NONE)
            return
        if fit is not self._fit:
            self._read(fit, names)
        drawn = factor, names, self.state.uncertainty
        if self._drawn is None or drawn[:2] != self._drawn[:2] or drawn[2] is not self._drawn[2]:
            before, self._drawn = self._drawn, drawn
            # Values are names: a select does not show a change of the words alone.
            self._factor.param.update(options=names, value=names[factor])
            if before is None or before[0] != factor:
                self._stop_renaming()
                self.map.choose(factor)
            self.map.name(names)
            weights = None if self._weights is None else self._weights.iloc[:, factor]
            share = percent(float(self._shares.iloc[factor]), 1)
            title = f"{cut(names, LONGEST_TITLE)[factor]} · {share}"
            self.bars.show(
                self._loadings.iloc[:, factor], title, words(fit), weights, self._ends(fit, factor)
            )
        self.map.mark(self.state.marked)
        self.bars.mark(self.state.marked)

    def _ends(self, fit: AnyFit, factor: int) -> pd.DataFrame | None:
        """90 % intervals of the loadings, if they were worked out."""
        # The bars of topics are log fold changes; only their probabilities have intervals.
        return None if self.state.is_topics else gene_intervals(fit, self.state.uncertainty, factor)

    def _read(self, fit: AnyFit, names: list[str]) -> None:
        self._fit, self._drawn = fit, None
        self._loadings = summaries.loadings(fit)
        self._shares = summaries.factor_shares(fit)
        self._weights = summaries.weights(fit) if self.state.is_topics else None
        self._rows = leading_genes(self._loadings, self._weights)
        self.bars.ids = ids = ids_of(fit)
        self.map.show(self._rows.set_axis(names, axis=1), self._shares, words(fit), ids)

    def export(self) -> Export | None:
        if self._fit is None:
            return None
        state = self.state
        choices = state.shown_factor, state.marked, state.uncertainty
        return _make_export(self._fit, list(state.names), *choices)

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export | None:
        """All factors or topics, and the genes of the first."""
        return None if is_bare(fit) else _make_export(fit, fit.factor_names)


def _make_export(
    fit: AnyFit,
    names: Sequence[str],
    factor: int = 0,
    marked: Sequence[str] = (),
    result: object = None,
) -> Export:
    mixes = fit.can("mixtures")
    # The bars of topics are log fold changes; only their probabilities have intervals.
    sure = None if mixes else gene_intervals(fit, result, factor)

    def draw() -> Any:
        from dashboard import figures

        table = summaries.loadings(fit).set_axis(list(names), axis=1)
        weights = summaries.weights(fit) if mixes else None
        own = None if weights is None else weights.iloc[:, factor]
        bars = strongest(table.iloc[:, factor], own, ON_PAPER)
        return figures.loadings(
            leading_genes(table, weights),
            summaries.factor_shares(fit),
            bars,
            factor=factor,
            marked=marked,
            words=words(fit),
            ends=None if sure is None else sure.loc[bars.index],
        )

    def data() -> pd.DataFrame:
        table = summaries.loadings(fit).set_axis(list(names), axis=1)
        if sure is None:
            return table
        for place, name in enumerate(names):
            own = gene_intervals(fit, result, place)
            if own is not None:
                columns = {f"{name}, {ENDS[str(column)]}": own[column] for column in own}
                table = table.assign(**columns)
        return table

    return Export("topics" if mixes else "loadings", draw, data)
