"""The topics of the shown run beside the topics or factors of another."""

from __future__ import annotations

from typing import Any

import pandas as pd
import panel as pn
import param

from dashboard import html
from dashboard.bare import is_bare
from dashboard.cards.card import Place, same
from dashboard.cards.frame import figure
from dashboard.cards.other_run import WORDS, BesideCard, Other, compared, page, runs
from dashboard.cards.table import Column, Table
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.topic_similarity import SimilarityMap
from dashboard.select import Select
from dashboard.state import AppState
from engine.jobs import Jobs
from engine.results import AnyFit

HEAD = html.heading(
    "Beside another run",
    "Which of another run goes with each of this one. Click a place or a row.",
    "corr_c(θ_ck, θ′_cl) over the cells in both; |A ∩ B| / |A ∪ B| of the 30 most relevant genes",
    "Genes and cells are those of the same names. Top genes are those of largest relevance at "
    "λ = 0.6; of a factor the end, positive or negative, that overlaps more: its sign, and that of "
    "its correlations, is arbitrary. The best match is that of the largest |correlation|.",
)
CHOOSE = "Choose another finished run to compare with."
ALONE = "There is no other finished run yet: fit a second model to these data, and compare."
READING = "Reading the other run."


class BesideView(BesideCard):
    """An image of all pairs, the best match of each topic, and the genes of one pair."""

    tab, entry, place = "topics", "beside", Place(1, 1, 2)
    front, word = "choices.table", "Beside another run"
    follows = (
        *("fit", "names", "factor", "runs", "run"),
        *("choices.other", "choices.by", "choices.beside"),
    )
    factors = True

    said = param.String(default=CHOOSE, doc="What is missing.")

    def __init__(self, state: AppState, choices: TopicChoices, jobs: Jobs | None) -> None:
        self.begin(state)
        self.choices, self.jobs = choices, jobs
        self._drawn: tuple[Any, ...] = ()
        self.map = SimilarityMap()
        self.table = Table(
            [
                Column("This run", width=88),
                Column("best match", width=88),
                Column("r", "0.00", "Correlation over the cells in both runs"),
                Column("overlap", "0.00", "Jaccard index of the top genes", 60),
            ],
            on_row=self.choose_row,
        )
        self.run = Select(label="Run", options={"none": ""}, size="small", width=210, margin=0)
        by = Select.from_param(
            choices.param.by,
            label="Show",
            options={words: name for name, (words, _) in WORDS.items()},
            size="small",
            width=130,
            description="",
            margin=0,
        )
        self._pair = html.pane(sizing_mode="stretch_both", css_classes=["scroll"])
        bar: dict[str, Any] = {
            "sizing_mode": "stretch_width",
            "margin": 0,
            "css_classes": ["pair-top"],
            "stylesheets": [html.STYLES],
        }
        self.map.on_pair(one_message(self.choose_both))
        self.run.param.watch(self._pick, "value")
        self.build(
            HEAD,
            pn.Row(self.run, by, **bar),
            figure(
                self.map.figure,
                pn.Column(self.table, self._pair, sizing_mode="stretch_both", margin=0),
                message=html.bound(html.empty, self.param.said),
            ),
        )

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        self.choices.param.update(other=event.new or None, beside=None)

    def refresh(self, *events: object) -> None:
        if self.fit is None:
            return
        known, other = runs(self.state), self.choices.other
        options = {"none": ""} | {words: run for run, words in known.items()}
        self.run.param.update(options=options, value=other if other in known else "")
        super().refresh(*events)

    def inputs(self) -> tuple[AnyFit, str] | None:
        fit, other = self.fit, self.choices.other
        if fit is None or other is None or self.jobs is None or other not in runs(self.state):
            return None
        return fit, other

    def compute(self, fit: AnyFit, run: str) -> Other | None:
        return None if self.jobs is None else compared(fit, self.jobs, run)

    def clear(self) -> None:
        self.said = CHOOSE if runs(self.state) else ALONE

    def wait(self) -> None:
        self.said = READING

    def paint(self, other: Other | None) -> None:
        if other is None or is_bare(other.fit):
            missing = "result" if other is None else "factors"
            self.said = f"That run has no {missing} to compare with."
            return
        self.said, fit = "", self.state.fit
        state, choices, names = self.state, self.choices, tuple(self.state.names)
        drawn = (other, names, choices.by)
        if not same(drawn, self._drawn):
            self._drawn = drawn
            self.map.show(
                self._named(other), WORDS[choices.by][1], signed=choices.by == "correlation"
            )
            best = other.best
            self.table.fill(
                [
                    names,
                    [other.names[place] for place in best["place"]],
                    best["correlation"].to_numpy(),
                    best["overlap"].to_numpy(),
                ]
            )
        topic = state.shown_factor
        place = int(other.best["place"].iloc[topic])
        if choices.beside is not None and choices.beside < len(other.names):
            place = choices.beside
        self.map.mark(topic, place)
        self.table.choose(state.factor)
        self._pair.object = page(fit, names, other, topic, place)

    def _named(self, other: Other) -> pd.DataFrame:
        similarities = getattr(other.match, self.choices.by)
        rows = pd.Index(self.state.names, name=self.state.kind)
        return similarities.set_axis(rows).set_axis(other.names, axis=1)

    def export(self) -> Export | None:
        if self._answer is None or self.result is None or is_bare(self.result.fit):
            return None
        (fit, _run), other = self._answer
        by = self.choices.by
        table = self._named(other)

        def draw() -> Any:
            from dashboard import figures

            return figures.topic_table(table, WORDS[by][1], signed=by == "correlation")

        def data() -> pd.DataFrame:
            kinds = {kind: getattr(other.match, kind) for kind in WORDS}
            long = {
                k: t.set_axis(table.index).set_axis(other.names, axis=1).stack()
                for k, t in kinds.items()
            }
            return pd.DataFrame(long).rename_axis([self.state.kind, "of the other run"])

        return Export("topics of two runs", draw, data, of=fit)
