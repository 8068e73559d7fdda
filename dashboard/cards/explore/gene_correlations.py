"""Heatmap of the gene correlations of a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.bare import NO_FINDING, bare_words, is_bare, short_words
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure, waiting
from dashboard.cards.heat_genes import HeatGenes
from dashboard.cards.uncertainty import pair_uncertainty
from dashboard.cards.wording import named
from dashboard.controls.export_menu import ICON
from dashboard.export import Export
from dashboard.gene_ids import ids_of
from dashboard.one_message import one_message
from dashboard.plots.heatmap import Heatmap, clustered
from dashboard.plots.latent_words import Words
from dashboard.state import AppState
from engine import summaries
from engine.checks import SMALL, Uncertainty, pairs_table, structure_of
from engine.results import AnyFit

HEAD = html.heading(
    "Gene correlations",
    "Red: rise and fall together; blue: exclude each other. Click a cell or a name.",
    "corr(clr ρ)[i, j] of Σ_clr = H (W Wᵀ + diag d) Hᵀ, with H = I − 11ᵀ/G",
    "CLR correlations are relative to the geometric mean of the modelled genes: a different "
    "choice of genes changes them. Top genes have the largest CLR variance carried by factors, "
    "|w_g|²; those of a factor its largest |loadings|; those near a gene the largest |r| with it. "
    "Their order is average linkage on 1 − r. How sure a pair is takes all others into account, "
    "which shrinks it: the false sign rate is the probability that the true correlation is zero "
    "or has the other sign; of false sign or small (fsos), that it is no larger than 0.1 with this "
    "sign. Pairs less sure than asked by the latter are veiled. A gene may have its "
    f"residual variance d at the limit of the model. {summaries.BOUND_MEANS}",
)
TOPICS = html.heading(
    "Gene correlations",
    "Red: together, blue: apart, by the topics alone; most are near ±1. Click a cell or a name.",
    "corr over cells of clr(Σ_k θ_ck β_k)[i, j], with H = I − 11ᵀ/G in clr x = H log x",
    "Topics leave a cell nothing of its own, so these are the correlations that topics imply: "
    "genes of one topic correlate almost perfectly, and a correlation of LNM is not to be "
    "expected here. Over at most 2,000 cells, drawn once. Top genes tell most of the topic of a "
    "count; those of a topic have the largest β log(β / mean of all topics); those near a gene the "
    "largest |r| with it. Their order is average linkage on 1 − r.",
)
FADES = {"all pairs": 1.0} | {
    f"false or small at most {100 * x:g} %": x for x in (0.2, 0.1, 0.05, 0.01)
}
HEADED = ["fit", "max_fsos", "uncertainty", "uncertainty_progress", "partial"]
BARE_CAPTION = (
    f"{NO_FINDING} CLR correlations that come of the closure alone, relative to the geometric "
    "mean of the modelled genes."
)
CLOSURE = "What is drawn comes of the counts of a cell being parts of a whole alone."
# Most genes at the limit of d that the heading names.
NAMED = 10
# Genes in a report made without a page.
MOST_GENES = 100


class CorrelationView(Card):
    """Clustered heatmap of the model's CLR correlations."""

    tab, entry, place = "explore", "correlations", Place(0, 1)
    title = "Gene correlations"
    caption = (
        "CLR correlations under the model, relative to the geometric mean of the modelled genes; "
        "ordered by average linkage on 1 − r."
    )
    follows = ("uncertainty", "max_fsos", "fit", "heat", "factor", "top_genes", "marked", "pair")
    behind = True

    def __init__(self, state: AppState, browser: Browser) -> None:
        self.begin(state)
        self.heatmap = Heatmap()
        self._fit: AnyFit | None = None
        self._shown: tuple[object, ...] = ()
        self._table = pd.DataFrame()
        self._veiled_by: tuple[Any, ...] = ()
        self._uncertainty: dict[str, np.ndarray] | None = None
        self._fade = pmui.MenuButton(
            label="Pairs in full colour",
            icon="opacity",
            icon_size="18px",
            items=[{"label": words} for words in FADES],
            variant="text",
            size="small",
            margin=0,
            sx=ICON,
            # Correlations of topics have no intervals.
            disabled=html.bound(
                lambda fit: fit is None or not fit.can("pair_uncertainty"), state.param.fit
            ),
            on_click=lambda item: state.param.update(max_fsos=FADES[item["label"]]),
        )
        self._genes = HeatGenes(state)
        self.heatmap.on_pair(one_message(state.choose_pair))
        self.heatmap.on_gene(one_message(state.choose_gene))
        self.build(
            param.bind(_head, *(state.param[name] for name in HEADED)),
            figure(self.heatmap.figure, message=waiting(state)),
            browser=browser,
            tools=(*self._genes.widgets, self._fade),
        )

    @classmethod
    def caption_of(cls, fit: AnyFit | None) -> str:
        return BARE_CAPTION if is_bare(fit) else super().caption_of(fit)

    def refresh(self, *_events: object) -> None:
        state, fit = self.state, self.state.fit
        if fit is None:
            self._fit, self._shown, self._veiled_by = None, (), ()
            return
        self._genes.update()
        shown = self._genes.choice()
        # Marks are drawn over the image; only other genes need a new one.
        if fit is not self._fit or shown != self._shown:
            self._fit, self._shown = fit, shown
            self._table = clustered(summaries.clr_correlation(fit, self._genes.of(fit)))
            self.heatmap.show(self._table, ids_of(fit))
            self._veiled_by = ()
        self._update_uncertainty(fit)
        self.heatmap.mark(state.marked, state.pair)

    def _update_uncertainty(self, fit: AnyFit) -> None:
        """Update the uncertainty of the shown correlations."""
        state = self.state
        if self._veiled_by and self._veiled_by[0] is state.uncertainty:
            if self._veiled_by[1] == state.max_fsos:
                return
        elif not self._veiled_by and state.uncertainty is None:
            return
        self._veiled_by = state.uncertainty, state.max_fsos
        self._uncertainty = pair_uncertainty(fit, state.uncertainty, list(self._table.columns))
        self.heatmap.show_uncertainty(self._uncertainty, state.max_fsos)

    def export(self) -> Export | None:
        if self._fit is None:
            return None
        state = self.state
        return _make_export(self._fit, self._table, state.marked, state.uncertainty, state.max_fsos)

    @classmethod
    def of_fit(cls, fit: AnyFit, xy: np.ndarray | None) -> Export:
        """Correlations of the top genes."""
        genes = summaries.programme_genes(fit, MOST_GENES)
        return _make_export(fit, clustered(summaries.clr_correlation(fit, genes)))


def _make_export(
    fit: AnyFit,
    table: pd.DataFrame,
    marked: Sequence[str] = (),
    result: object = None,
    max_fsos: float = 1.0,
) -> Export:
    def draw() -> Any:
        from dashboard import figures

        sure = pair_uncertainty(fit, result, list(table.columns))
        faded = None if sure is None else sure["fsos"] > max_fsos
        return figures.heatmap(table, marked=marked, faded=faded, veiled=_veiled(max_fsos))

    def data() -> pd.DataFrame:
        if not fit.can("pair_uncertainty") or not isinstance(result, Uncertainty):
            return table
        pairs = pairs_table(fit, result, summaries.gene_positions(fit, table.columns))
        return pairs.assign(veiled=pairs["fsos"] > max_fsos)

    return Export("correlations", draw, data)


def _veiled(max_fsos: float) -> str:
    return f"false sign or |r| < {SMALL:g} with a probability above {100 * max_fsos:g} %"


def _head(
    fit: AnyFit | None,
    max_fsos: float,
    result: object,
    progress: str,
    partial: str = "",
) -> html.Heading:
    head = _choose_heading(fit, max_fsos, result, progress, partial)
    return head if fit is None else html.within(head, fit.within)


def _choose_heading(
    fit: AnyFit | None, max_fsos: float, result: object, progress: str, partial: str
) -> html.Heading:
    if fit is not None and fit.can("mixtures"):
        return named(TOPICS, fit)
    head = named(HEAD, fit)
    if progress:
        return replace(head, how=html.how_to_read(f"Working out how sure they are: {progress}."))
    structure = structure_of(fit) if fit is not None and not partial else None
    if isinstance(result, Uncertainty) and result.structure is not None:
        structure = result.structure
    missed = structure.words if structure is not None else ""
    if fit is not None and is_bare(fit) and not (structure is not None and structure.significant):
        # Structure near chance, or single pairs, are named beside the reason.
        near = structure is not None and (structure.near_chance or structure.pairs)
        why = f"{bare_words(fit)} {missed}" if near else bare_words(fit)
        everything = f"{NO_FINDING} {why} {CLOSURE}"
        return replace(head, how=html.finding(f"{NO_FINDING} {short_words(fit)}", everything))
    short, kind = "", Words.of(fit).latents
    if structure is not None and missed:
        what, it = f"Too few {kind}", "what they miss"
        if structure.chosen:
            what, it = f"{kind.title()} miss something", "it"
        consequence = f"errors contain {it}" if structure.missed else "claims may be false"
        if structure.rigid:
            consequence = "without residuals nothing is claimed"
        short = "Nothing to find" if structure.nothing else f"{what}: {consequence}"
        if structure.pairs and not structure.significant:
            short = f"{' and '.join(structure.pairs[0])} are missed"
    if result is not None and max_fsos < 1:
        veiled = f"{_veiled(max_fsos)}."
        if missed:
            words = f"{short}. Veiled: false or small above {100 * max_fsos:g} %."
            return replace(head, how=html.finding(words, f"{missed} Veiled: {veiled}"))
        return replace(head, how=html.how_to_read(f"Veiled: {veiled} Hover: intervals."))
    if structure is not None and missed:
        these = f"these {structure.n_factors}" if structure.n_factors else "chance"
        words = f"Take more {kind}: genes vary together beyond {these}."
        if structure.chosen and structure.n_factors:
            words = f"Genes vary together beyond {these} {kind}, but more predict no better."
        if structure.nothing:
            words = "There is nothing to find that can be told from noise."
        elif not structure.significant:
            words = f"{' and '.join(structure.pairs[0])} are correlated beyond these {kind}."
        return replace(head, how=html.finding(words, missed))
    if fit is not None and not partial and (everything := summaries.bound_words(fit)):
        genes, of, bound = summaries.genes_at_bound(fit)
        words = f"Do not rely on r of {len(genes):,} of {of:,} genes, d at its limit ({bound:g}): "
        words += ", ".join(map(str, genes[:NAMED]))
        return replace(head, how=html.finding(words, everything))
    return head
