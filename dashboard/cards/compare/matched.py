"""The factor or topic of the other run that matches each one of the open run."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel_material_ui as pmui

from dashboard import html
from dashboard.bare import bare_words, is_bare
from dashboard.cards.card import Place, same
from dashboard.cards.compare.bar import strip
from dashboard.cards.compare.compared import Beside, Compared
from dashboard.cards.compare.tab_choices import CompareChoices
from dashboard.cards.frame import figure
from dashboard.cards.other_run import BesideCard
from dashboard.cards.table import Column, Table
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.topic_similarity import SimilarityMap

HEAD = html.heading(
    "Matched",
    "Paired one to one, the others without (–). Click a place or a row to choose.",
    "max over one-to-one π of Σ_j |s(j, π(j))|; s(j, l) = corr_c(z_cj, z′_cl), or cos(w_j, w′_l)",
    "Correlation is of scores or proportions over the cells in both runs; cosine is of CLR "
    "loadings over the genes in both, centred on those (of topics, of β log(β / mean)); overlap is "
    "that of the 30 top genes. The sign of a factor is arbitrary, so pairs are made by |s|. "
    "Factors are known up to rotation and shown on their principal axes: two runs that explain "
    "the same variance can mix factors of similar size, which then match badly one by one. "
    "A run with more factors leaves some without a partner (–).",
)
WORDS = {
    "correlation": ("Correlation over cells", "correlation over cells"),
    "cosine": ("Cosine of loadings", "cosine of CLR loadings"),
    "overlap": ("Overlap of top genes", "overlap of top genes"),
}


class MatchedView(BesideCard):
    """An image of all pairs, and a table of the matches."""

    tab, entry, place = "compare", "matched", Place(0, 1, 1)
    front, word = "choices.detail", "Matched"
    follows = ("fit", "names", "factor", "compared.beside", "choices.by", "choices.beside")

    def __init__(self, compared: Compared, choices: CompareChoices) -> None:
        self.begin(compared.state)
        self.compared, self.choices = compared, choices
        self._drawn: tuple[Any, ...] = ()
        self.map = SimilarityMap()
        self.table = Table(
            [
                Column("A", width=70),
                Column("B", width=70),
                Column("r", "0.00", "Correlation over the cells in both runs", 44),
                Column("cos", "0.00", "Cosine of the CLR loadings over the genes in both", 44),
                Column("overlap", "0.00", "Jaccard index of the top genes", 54),
            ],
            on_row=self.choose_row,
        )
        by = pmui.Select.from_param(
            choices.param.by,
            label="Match by",
            options={words: name for name, (words, _) in WORDS.items()},
            size="small",
            width=180,
            description="",
            margin=0,
        )
        message = html.bound(_missing, compared.param.said, compared.param.beside)
        self.map.on_pair(one_message(self.choose_both))
        self.build(
            HEAD,
            strip(by),
            figure(self.map.figure, self.table, message=message, widest=(None, 310)),
        )

    def refresh(self, *_events: object) -> None:
        state, beside, by = self.state, self.compared.shown, self.choices.by
        if beside is None or is_bare(beside.fit) or is_bare(beside.other.fit):
            self._drawn = ()
            return
        drawn = (beside, tuple(state.names), by)
        if not same(drawn, self._drawn):
            self._drawn = drawn
            self.map.show(self._named(beside, by), WORDS[by][1], signed=by != "overlap")
            self.table.fill(self._columns(beside, by))
        place = beside.partner(by, state.shown_factor, self.choices.beside)
        self.map.mark(state.shown_factor, place)
        self.table.choose(state.factor)

    def _columns(self, beside: Beside, by: str) -> list[Any]:
        pairs = matches(beside, by)
        names = [beside.other.names[j] if j >= 0 else "–" for j in pairs["place"]]
        return [list(self.state.names), names, *(pairs[kind].to_numpy() for kind in WORDS)]

    def _named(self, beside: Beside, by: str) -> pd.DataFrame:
        rows = pd.Index(self.state.names, name=self.state.kind)
        return beside.similar[by].set_axis(rows).set_axis(beside.other.names, axis=1)

    def export(self) -> Export | None:
        beside, by = self.compared.beside, self.choices.by
        if beside is None or not self._drawn:
            return None
        table, names = self._named(beside, by), list(self.state.names)

        def draw() -> Any:
            from dashboard import figures

            return figures.topic_table(table, WORDS[by][1], signed=by != "overlap")

        def data() -> pd.DataFrame:
            pairs = matches(beside, by)
            partner = [beside.other.names[j] if j >= 0 else "" for j in pairs["place"]]
            return pairs[list(WORDS)].assign(B=partner).set_axis(pd.Index(names, name="A"))

        return Export("matched factors", draw, data)


def matches(beside: Beside, by: str) -> pd.DataFrame:
    """Partners by one similarity, ``place`` (-1: none), and all similarities of the pairs."""
    place = beside.partners[by]["place"]
    similarities = {
        kind: [
            table.iat[row, at] if at >= 0 else float("nan") for row, at in enumerate(place.tolist())
        ]
        for kind, table in beside.similar.items()
    }
    return pd.DataFrame({"place": place.to_numpy(), **similarities})


def _missing(said: str, beside: Beside | None) -> str:
    if not said and beside is not None:
        bare = [
            f"Run {side} has no factors to match. {bare_words(fit)}"
            for side, fit in zip("AB", (beside.fit, beside.other.fit), strict=True)
            if is_bare(fit)
        ]
        said = " ".join(bare)
    return html.empty(said)
