"""The factors or topics: how much each takes, which genes it moves, and those of the chosen one."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.bare import is_bare
from dashboard.browser import Browser
from dashboard.cards.explore.label_words import Explained
from dashboard.cards.frame import card, figure, waiting
from dashboard.cards.uncertainty import gene_intervals
from dashboard.cards.wording import words
from dashboard.controls.export import ExportMenu
from dashboard.cut import cut
from dashboard.export import Export
from dashboard.genes import ids_of
from dashboard.lists import percent
from dashboard.plots.loading_bars import LoadingBars
from dashboard.plots.loadings import LoadingsMap, leading_genes
from dashboard.select import Select
from dashboard.state import LONGEST_NAME, AppState
from dashboard.together import together
from engine import summaries
from engine.results import AnyFit

NAME, NONE = "New name", "none"
LONGEST_TITLE = 12

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


class LoadingsView(pn.viewable.Viewer):
    """Image of the strongest loadings beside the strongest genes of the chosen factor."""

    def __init__(self, state: AppState, browser: Browser) -> None:
        super().__init__()
        self.state, self.browser = state, browser
        self.map, self.bars = LoadingsMap(), LoadingBars()
        self.explained = Explained(state)
        self._fit: AnyFit | None = None
        self._drawn: tuple[int, list[str], Any] | None = None
        self._loadings = pd.DataFrame()
        self._weights: pd.DataFrame | None = None
        self._shares = pd.Series(dtype=float)
        self._rows = pd.DataFrame()
        self._factor = Select(
            label="Chosen", options=["factor 1"], size="small", width=130, margin=0
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
                on_click=together(lambda _event, by=by: state.step_factor(by)),
            )
            for icon, words, by in (
                ("chevron_left", "Previous", -1),
                ("chevron_right", "Next", 1),
            )
        )
        self._panel = card(
            self.explained.heading(HEAD, TOPICS),
            figure(self.map.figure, self.bars.figure, message=waiting(state, factors=True)),
            tools=(
                previous,
                self._factor,
                self._name,
                following,
                rename,
                ExportMenu(browser, self._export, state, name="loadings"),
            ),
        )
        self.map.on_factor(together(state.choose_factor))
        self.map.on_gene(together(state.choose_gene))
        self.bars.on_gene(together(state.choose_gene))
        self._factor.param.watch(self._pick, "value")
        self._name.param.watch(self._keep_name, "enter_pressed")
        state.param.watch(self._update, ["fit", "factor", "names", "marked", "uncertainty"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @together
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

    def _update(self, *_events: object) -> None:
        fit, factor, names = self.state.fit, self.state.shown_factor, self.state.names
        if fit is None or is_bare(fit):
            self._fit = None
            self._stop_renaming()
            self._factor.param.update(options=[NONE], value=NONE)
            return
        if fit is not self._fit:
            self._read(fit, names)
        drawn = factor, names, self.state.uncertainty
        if self._drawn is None or drawn[:2] != self._drawn[:2] or drawn[2] is not self._drawn[2]:
            before, self._drawn = self._drawn, drawn
            # Names, not places: a select does not show that only the words of a value changed.
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
        # Of topics, these bars are log fold changes; their probabilities have intervals.
        return None if self.state.is_topics else gene_intervals(fit, self.state.uncertainty, factor)

    def _read(self, fit: AnyFit, names: list[str]) -> None:
        self._fit, self._drawn = fit, None
        self._loadings = summaries.loadings(fit)
        self._shares = summaries.factor_shares(fit)
        self._weights = summaries.weights(fit) if self.state.is_topics else None
        self._rows = leading_genes(self._loadings, self._weights)
        self.bars.ids = ids = ids_of(fit)
        self.map.show(self._rows.set_axis(names, axis=1), self._shares, words(fit), ids)

    def _export(self) -> Export | None:
        fit, factor, marked = self._fit, self.state.shown_factor, self.state.marked
        if fit is None:
            return None
        names = self.state.names
        rows, table = (frame.set_axis(names, axis=1) for frame in (self._rows, self._loadings))
        bars, shares = self.bars.drawn, self._shares

        def draw() -> Any:
            from dashboard import figures

            return figures.loadings(
                rows, shares, bars, factor=factor, marked=marked, words=words(fit)
            )

        return Export("topics" if self.state.is_topics else "loadings", draw, lambda: table)
