"""One gene: how much of it the factors carry, and the genes that move with it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from dashboard import html, lists
from dashboard.bare import NO_FINDING, bare_words, is_bare
from dashboard.cards.card import Card, Place
from dashboard.cards.uncertainty import interval, line, pair_uncertainty
from dashboard.cards.wording import heading
from dashboard.cut import cut
from dashboard.export import Export
from dashboard.gene_ids import ids_of
from dashboard.state import CLR, COUNTS, AppState
from dashboard.templates import render
from engine import summaries
from engine.checks import CorrelationUncertainty
from engine.results import AnyFit

HEAD = html.heading(
    "Gene",
    "r: CLR correlation under the model.",
    "corr(clr ρ)[g, h]; mean CLR μ_g; carried by factors |w_g|² / Var(clr ρ_g)",
    "CLR correlations are relative to the geometric mean of the modelled genes. What the factors "
    "do not carry is the gene's own residual variance, shared with no other gene.",
)
TOPICS = html.heading(
    "Gene",
    "r: CLR correlation over cells that the topics imply.",
    "corr over cells of clr(Σ_k θ_ck β_k)[g, h]; log fold change log β_gk − mean over topics",
    "Topics leave a cell nothing of its own, so genes of one topic correlate almost perfectly. "
    "A log fold change of 1 nat is a gene 2.7 times as frequent in a topic as in the geometric "
    "mean of all.",
)
EMPTY = "Search a gene or click one in the heatmap."
AT_BOUND = "Its residual variance d is at its limit: do not rely on its correlations."
OF_FACTORS, OF_TOPICS = "Its loadings (nats)", "Its log fold changes by topic (nats)"
PARTNERS = 15
# Partners whose intervals are exported; this computes all pairs among them.
INTERVALS = 300
SURE = ("uncertainty", "uncertainty_progress")


class GeneView(Card):
    """Facts, correlations and loadings of the latest marked gene."""

    tab, entry, place = "explore", "gene", Place(1, 1, 0)
    front, word = "state.detail", "Gene"
    follows = ("fit", "partial", "fit_counts", "marked", "names", *SURE)
    behind = True

    def __init__(self, state: AppState) -> None:
        self.begin(state)
        self._page = html.pane(sizing_mode="stretch_both", css_classes=["scroll"])
        self.build(heading(state, HEAD, TOPICS), self._page)

    def refresh(self, *_events: object) -> None:
        state = self.state
        if state.fit is None:
            return
        if not state.marked:
            self._page.object = html.empty(EMPTY)
            return
        self._page.object = _page(
            state.fit,
            state.marked[0],
            state.names,
            counts=state.fit_counts is not None,
            uncertainty=state.uncertainty,
            # Intervals are of a fit that has ended.
            sure=""
            if state.is_topics or state.partial
            else line(state.uncertainty, state.uncertainty_progress),
        )

    def export(self) -> Export | None:
        fit, marked = self.state.fit, self.state.marked
        if fit is None or not marked:
            return None
        gene, uncertainty = marked[0], self.state.uncertainty

        def draw() -> Any:
            from dashboard import figures

            partners = summaries.correlation_with(fit, gene).head(PARTNERS)
            return figures.bars(partners, title=f"Correlated with {gene}", xlabel="CLR correlation")

        def table() -> Any:
            correlations = summaries.correlation_with(fit, gene)
            table = correlations.rename("clr_correlation").rename_axis("gene").to_frame()
            if (
                sure := pair_uncertainty(fit, uncertainty, [gene, *correlations.index[:INTERVALS]])
            ) is not None:
                for name in CorrelationUncertainty._fields[1:]:
                    table[name] = pd.Series(sure[name][0, 1:], correlations.index[:INTERVALS])
            return table

        return Export(f"near {gene}", draw, table)


def _facts(fit: AnyFit, gene: str) -> str:
    if fit.can("mixtures"):
        return f"{lists.percent(float(summaries.gene_shares(fit)[gene]), 3)} of all counts"
    place = fit.genes.get_loc(gene)
    carried = float((fit.gene_loadings()[place] ** 2).sum())
    carried /= max(float(summaries.clr_variance(fit)[gene]), 1e-12)
    return (
        f"mean CLR {html.number(float(fit.clr_mean()[place]), 2)} nats · "
        f"{fit.vocabulary.latents} carry {lists.percent(carried)} of its CLR variance"
    )


def _page(
    fit: AnyFit, gene: str, names: list[str], *, counts: bool, uncertainty: Any, sure: str
) -> str:
    weights = summaries.gene_loadings(fit, gene).to_numpy()
    at_bound = gene in summaries.genes_at_bound(fit).genes
    acts = [lists.press("colour", f"{CLR}{gene}", "Colour cells: CLR", kind="act")]
    if counts:
        acts.append(lists.press("colour", f"{COUNTS}{gene}", "Colour cells: counts", kind="act"))
    acts.append(lists.press("near", gene, "Neighbours in heatmap", kind="act"))
    partners = summaries.correlation_with(fit, gene).head(PARTNERS)
    tables = pair_uncertainty(fit, uncertainty, [gene, *partners.index])
    intervals = [""] * len(partners)
    if tables is not None:
        intervals = [
            interval(*ends)
            for ends in zip(
                tables["shrunken_low"][0, 1:], tables["shrunken_high"][0, 1:], strict=True
            )
        ]
    ids, others = ids_of(fit), list(map(str, partners.index))
    near = (
        lists.bar(
            pressed,
            r,
            1,
            lists.interval(words),
            lists.press(
                "pair",
                json.dumps([gene, other]),
                "compare",
                kind="small",
                label=f"Compare {gene} with {other}",
            ),
        )
        for other, pressed, r, words in zip(
            others, lists.genes(others, ids), partners.to_numpy(), intervals, strict=True
        )
    )
    limit = float(abs(weights).max(initial=0))
    of = OF_TOPICS if fit.can("mixtures") else OF_FACTORS
    chips = (
        lists.bar(
            lists.press("factor", str(j), label, kind="name", label=f"Choose {names[j]}"),
            float(weights[j]),
            limit,
        )
        for j, label in enumerate(cut(names))
    )
    return render(
        "details.gene",
        gene,
        ids.get(gene, ""),
        _facts(fit, gene),
        at_bound=AT_BOUND if at_bound else "",
        why=summaries.BOUND_MEANS,
        bare=f"{bare_words(fit)} {NO_FINDING}" if is_bare(fit) else "",
        acts=acts,
        near=lists.rows(
            near, "Strongest correlations (r)", "partners sure" if tables else "partners"
        ),
        sure=sure,
        loadings=lists.rows(chips, of, "weights") if len(weights) else "",
    )
