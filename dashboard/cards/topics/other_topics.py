"""The topics of the shown run beside the topics or factors of another."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pandas as pd
import panel as pn
import param

from dashboard import html
from dashboard.bare import is_bare
from dashboard.cards.background import summarised
from dashboard.cards.frame import figure
from dashboard.cards.other_run import WORDS, Other, compared, page, runs
from dashboard.cards.table import Column, Table
from dashboard.cards.topics.seen import seen
from dashboard.export import Export
from dashboard.plots.topic_similarity import SimilarityMap
from dashboard.select import Select
from dashboard.state import AppState
from dashboard.together import together
from dashboard.topic_choices import TopicChoices
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


class BesideView(pn.viewable.Viewer):
    """An image of all pairs, the best match of each topic, and the genes of one pair."""

    said = param.String(default=CHOOSE, doc="What is missing.")

    def __init__(self, state: AppState, choices: TopicChoices, jobs: Jobs | None) -> None:
        super().__init__()
        self.state, self.choices, self.jobs = state, choices, jobs
        self.working: Future[None] | None = None
        self.other: Other | None = None
        self._asked: tuple[AnyFit, str] | None = None
        self._drawn: tuple[Any, ...] = ()
        self.map = SimilarityMap()
        self.table = Table(
            [
                Column("This run", width=88),
                Column("best match", width=88),
                Column("r", "0.00", "Correlation over the cells in both runs"),
                Column("overlap", "0.00", "Jaccard index of the top genes", 60),
            ],
            on_row=self._choose,
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
        self._panel = pn.Column(
            pn.Row(self.run, by, **bar),
            figure(
                self.map.figure,
                pn.Column(self.table, self._pair, sizing_mode="stretch_both", margin=0),
                message=html.bound(html.empty, self.param.said),
            ),
            sizing_mode="stretch_both",
            margin=0,
        )
        self.map.on_pair(together(self._click))
        self.run.param.watch(self._pick, "value")
        state.param.watch(self._update, ["fit", "names", "factor", "tab", "runs", "run"])
        choices.param.watch(self._update, ["other", "by", "beside", "table"])
        self._update()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    @together
    def _pick(self, event: param.parameterized.Event) -> None:
        self.choices.param.update(other=event.new or None, beside=None)

    def _click(self, row: int, column: int) -> None:
        self.choices.beside = column
        self.state.choose_factor(row)

    def _choose(self, rows: list[int]) -> None:
        self.choices.beside = None
        self.state.choose_factor(rows[0] if rows else None)

    def _update(self, *_events: object) -> None:
        fit, choices, jobs = seen(self.state), self.choices, self.jobs
        if fit is None or choices.table != "beside":
            return
        known = runs(self.state)
        options = {"none": ""} | {words: run for run, words in known.items()}
        self.run.param.update(
            options=options, value=choices.other if choices.other in known else ""
        )
        if choices.other not in known or jobs is None:
            self._asked, self.other = None, None
            self.said = CHOOSE if known else ALONE
            return
        asked = fit, choices.other
        if self._asked is None or self._asked[0] is not fit or self._asked[1] != asked[1]:
            self._asked, self.other, self.said = asked, None, READING
            self.working = summarised(
                self.state,
                lambda: compared(fit, jobs, asked[1]),
                lambda other: self._found(asked, other),
            )
        elif self.other is not None:
            self._show(fit, self.other)

    def _found(self, asked: tuple[AnyFit, str], other: Other | None) -> None:
        if asked[0] is not self.state.fit or self._asked is not asked:
            return
        if other is None or is_bare(other.fit):
            missing = "result" if other is None else "factors"
            self.said = f"That run has no {missing} to compare with."
            return
        self.other, self.said = other, ""
        self._show(asked[0], other)

    def _show(self, fit: AnyFit, other: Other) -> None:
        state, choices, names = self.state, self.choices, tuple(self.state.names)
        drawn = (other, names, choices.by)
        if not self._drawn or self._drawn[0] is not other or self._drawn[1:] != drawn[1:]:
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
        found = getattr(other.match, self.choices.by)
        rows = pd.Index(self.state.names, name="topic")
        return found.set_axis(rows).set_axis(other.names, axis=1)

    def export(self) -> Export | None:
        """All pairs as they stand."""
        if self.other is None or self._asked is None:
            return None
        other, by = self.other, self.choices.by
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
            return pd.DataFrame(long).rename_axis(["topic", "of the other run"])

        return Export("topics of two runs", draw, data, of=self._asked[0])
