"""Correlations in two groups of cells: A above, B below the diagonal, and what differs beside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import param

from dashboard import html
from dashboard.browser import Browser
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure
from dashboard.cards.groups.pairing import Between, Pairing
from dashboard.cards.heat_genes import HeatGenes, genes
from dashboard.cards.other_run import runs
from dashboard.gene_ids import ids_of
from dashboard.one_message import one_message
from dashboard.plots.compare_heatmap import ComparedHeatmap, change_limit, in_order
from dashboard.plots.heatmap import colour_limit
from dashboard.select import Select
from engine import summaries
from engine.comparing import Change

NONE = "none"
BOTH, DIFFERENCE = "CLR correlation", "A − B, Fisher z"
# Pairs with a larger local false sign rate are veiled.
SURE = 0.05
MOST = 200


class Shown(NamedTuple):
    """In display order: both correlations in one table, their difference, and the `Change`."""

    both: pd.DataFrame
    difference: pd.DataFrame
    known: Change


class CorrelationChanges(Card):
    """Two heatmaps of the same genes."""

    tab, entry, place = "groups", "differential", Place(2, 0)
    title = "Correlations that differ"
    caption = (
        "Left: A above the diagonal, B below. Right: A − B, veiled where its sign is not sure."
    )
    formula = (
        "Δ_ij = atanh ρ_A − atanh ρ_B; s² = s_A² + s_B²; lfsr by adaptive shrinkage over pairs"
    )
    caveat = (
        "Two runs of the same genes in different cells, with as many factors. The error is that "
        "of sampling cells: with one donor in each group, donors are among what differs. A pair "
        "is veiled if its local false sign rate is above 5 %. CLR is relative to the geometric "
        "mean of the modelled genes."
    )
    follows = (
        *("fit", "heat", "factor", "top_genes", "marked", "pair", "runs", "against"),
        *("pairing.between", "pairing.said"),
    )

    def __init__(self, pairing: Pairing, browser: Browser) -> None:
        self.begin(pairing.state)
        self.pairing = pairing
        self.both, self.difference = ComparedHeatmap(), ComparedHeatmap()
        for map_ in (self.both, self.difference):
            map_.on_pair(one_message(self.state.choose_pair))
            map_.on_gene(one_message(self.state.choose_gene))
        self._genes = HeatGenes(self.state)
        self._drawn: object = None
        self.other = Select(
            label="Run B", options={NONE: ""}, size="small", width=190, margin=0, disabled=True
        )
        self.other.param.watch(self._pick, "value")
        self.build(
            param.bind(self._head, pairing.param.between),
            figure(
                self.both.figure,
                self.difference.figure,
                message=html.bound(
                    lambda *_: pairing.message, pairing.param.said, pairing.param.offers
                ),
            ),
            browser=browser,
            tools=(self.other, self._genes.widgets[0]),
        )

    def _head(self, between: Between | None) -> html.Heading:
        plain = html.heading(self.title, self.caption, self.formula, self.caveat)
        words = " ".join(between.differential.notes) if between is not None else ""
        return replace(plain, how=html.finding(words, words)) if words else plain

    def refresh(self, *events: Any) -> None:
        known = runs(self.state)
        options = {NONE: ""} | {words: run for run, words in known.items()}
        chosen = self.state.against if self.state.against in known else ""
        self.other.param.update(options=options, value=chosen, disabled=not known)
        if self.fit is not None:
            self._genes.update()
        super().refresh(*events)

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        self.state.against = event.new or ""

    def inputs(self) -> tuple[Any, ...] | None:
        between = self.pairing.between
        if between is None or between.fit is not self.fit:
            return None
        return (between, *self._genes.choice())

    def compute(self, between: Between, heat: str, count: int, about: object) -> Shown:
        unordered = genes(between.fit, heat, min(count, MOST), about)
        known = between.differential.change(summaries.gene_positions(between.fit, unordered))
        one, other = (pd.DataFrame(r, unordered, unordered) for r in (known.one, known.other))
        order = unordered.get_indexer(in_order(one, other))
        known = Change(*(table[np.ix_(order, order)] for table in known))
        names = unordered[order]
        both = np.triu(known.one) + np.tril(known.other, -1)
        table, difference = (pd.DataFrame(t, names, names) for t in (both, known.change))
        return Shown(table, difference, known)

    def paint(self, shown: Shown) -> None:
        if shown is not self._drawn:
            self._drawn = shown
            ids = ids_of(self.state.fit)
            self.both.show_as(shown.both, BOTH, colour_limit(shown.both), ids)
            self.difference.show_as(
                shown.difference, DIFFERENCE, change_limit(shown.difference), ids
            )
            self.difference.show_uncertainty(_hover_tables(shown.known), SURE, "lfsr")
        for map_ in (self.both, self.difference):
            map_.mark(self.state.marked, self.state.pair)

    def clear(self) -> None:
        self._drawn = None

    def draw(self, shown: Shown) -> Any:
        from dashboard import figures

        veiled = shown.known.lfsr > SURE
        return figures.changed_heatmaps(
            shown.both, shown.difference, veiled, marked=self.state.marked
        )

    def tabulate(self, shown: Shown) -> pd.DataFrame:
        return self.pairing.with_names(pairs_of(shown).set_index(["gene_1", "gene_2"]))


def pairs_of(shown: Shown) -> pd.DataFrame:
    """One row a pair of the shown genes, the surest change first."""
    names = np.asarray(shown.both.columns)
    upper = np.triu_indices(len(names), 1)
    known = shown.known._asdict()
    columns = {
        "gene_1": names[upper[0]],
        "gene_2": names[upper[1]],
        "correlation_a": known.pop("one")[upper],
        "correlation_b": known.pop("other")[upper],
        **{name: table[upper] for name, table in known.items()},
    }
    table = pd.DataFrame(columns)
    return table.sort_values(["fsos", "lfsr"], kind="stable", ignore_index=True)


def _hover_tables(known: Change) -> dict[str, np.ndarray]:
    """Tables by the names that a heatmap shows on hovering."""
    return {
        "shrunken": known.shrunken,
        "shrunken_low": known.low,
        "shrunken_high": known.high,
        "lfsr": known.lfsr,
        "fsos": known.fsos,
    }
