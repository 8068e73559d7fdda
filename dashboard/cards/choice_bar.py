"""The bar above the views: gene search, and a chip for everything that is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.actions import SEARCH
from dashboard.bare import is_bare
from dashboard.cards.wording import words
from dashboard.cut import CHIP, cut
from dashboard.gene_ids import full, ids_of
from dashboard.one_message import one_message
from dashboard.state import AppState

NOTHING_BARE = "Nothing is chosen yet: draw around cells, or find a gene."
NOTHING = "Nothing is chosen yet: draw around cells, click a {}, or find a gene."


class ChoiceBar(pn.viewable.Viewer):
    """Chips of all choices, each with its clear button, and the progress of background work."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self.state = state
        self._genes: dict[str, str] = {}
        self._search = gene_search(SEARCH, 170, placeholder="press /")
        self._search.param.watch(self._choose_gene, "value")
        of = state.param
        shown = html.bound(chips, of.fit, of.selected, of.factor, of.marked, of.pair, of.names)
        self._panel = pn.Row(
            self._search,
            html.pane(shown, sizing_mode="stretch_width"),
            html.live(_how_far, of.partial, of.placing, sizing_mode=None, align="center"),
            sizing_mode="stretch_width",
            margin=0,
            height=38,
            css_classes=["chosen"],
            stylesheets=[html.STYLES],
        )
        state.param.watch(self._offer, "fit")
        self._offer()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _offer(self, *_events: object) -> None:
        fit = self.state.fit
        ids = ids_of(fit)
        genes = [] if fit is None else sorted(map(str, fit.genes[fit.is_gene]))
        self._genes = {full(gene, ids): gene for gene in genes}
        names = list(self._genes)
        if names != self._search.options:
            self._search.options = names
        self._search.disabled = not names

    @one_message
    def _choose_gene(self, event: param.parameterized.Event) -> None:
        if event.new:
            self.state.choose_gene(self._genes.get(event.new, event.new), near=True)
            self._search.value = ""


def gene_search(label: str, width: int, **more: Any) -> pmui.AutocompleteInput:
    """A field that finds genes by a part of their names; it has no options yet."""
    return pmui.AutocompleteInput(
        label=label,
        options=[],
        case_sensitive=False,
        min_characters=2,
        restrict=True,
        search_strategy="includes",
        size="small",
        width=width,
        margin=0,
        disabled=True,
        **more,
    )


def _how_far(partial: str, placing: str) -> str:
    return html.badge(partial or (placing and f"UMAP: {placing}"))


def chips(
    fit: Any,
    selected: np.ndarray | None,
    factor: int | None,
    marked: tuple[str, ...],
    pair: tuple[str, str] | None,
    names: list[str],
) -> str:
    if fit is None:
        return ""
    items, ids = [], ids_of(fit)
    if selected is not None:
        count = int(selected.sum())
        share = html.number(100 * count / len(selected), 1)
        items.append(html.chip(f"{count:,} cells · {share} %", "cells", "clear", "cells"))
    if factor is not None and factor < len(names):
        items.append(html.chip(names[factor], "factor", "clear", "factor"))
    if pair is not None:
        both = " × ".join(full(gene, ids) for gene in pair)
        items.append(html.chip(" × ".join(cut(pair, CHIP)), "pair", "clear", "pair", both))
    items += [
        html.chip(label, "gene", "drop-gene", gene, full(gene, ids))
        for gene, label in zip(marked, cut(marked, CHIP), strict=True)
    ]
    if items:
        return html.chips(items)
    if is_bare(fit):
        return html.nothing(NOTHING_BARE)
    return html.nothing(NOTHING.format(words(fit).latent))
