"""How many topics or factors: runs of several numbers, compared on held-out cells."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import panel as pn
import param

from dashboard import html, lists
from dashboard.cards.card import Card, Place
from dashboard.cards.frame import figure
from dashboard.cards.topics.tab_choices import TopicChoices
from dashboard.export import Export
from dashboard.one_message import one_message
from dashboard.plots.sweep_curve import MEASURES, SweepPlot
from dashboard.select import Select
from dashboard.state import AppState
from dashboard.templates import render
from engine.checks import Sweep
from engine.jobs import JobStatus
from engine.registry import family_of_settings

HEAD = html.heading(
    "How many",
    "Low perplexity is good. The band marks the number to choose; why is on the right.",
    "exp(−Σ log E[ρ | first half] / Σ counts) over the second halves of held-out cells; SE of the "
    "difference from the best, cell by cell",
    "Suggested is the smallest number that is worse than the best by no more than one standard "
    "error. Coherence: normalised pointwise mutual information of the top genes of a topic in "
    "held-out cells. Stability: the mean cosine of the topics or factors of two seeds, best "
    "matched. A score says what predicts, not what is true: look at the topics themselves.",
)
EMPTY = "Compare several numbers of topics or factors: under Model, open “How many?”."


class ManyView(Card):
    """A chart of the sweep that is shown, its table, and the number to choose."""

    tab, entry, place = "topics", "many", Place(1, 1, 3)
    front, word = "choices.table", "How many?"
    follows = ("swept", "choices.swept_by")
    # A sweep can be started from any tab.
    behind = True

    def __init__(self, state: AppState, choices: TopicChoices) -> None:
        self.begin(state)
        self.choices = choices
        self.plot = SweepPlot()
        self.sweep = Select(
            label="Comparison", options={"none": ""}, size="small", width=210, margin=0
        )
        measure = Select.from_param(
            choices.param.swept_by,
            label="Show",
            options={shown.words: name for name, shown in MEASURES.items()},
            size="small",
            width=170,
            description="",
            margin=0,
        )
        self._words = html.pane(sizing_mode="stretch_both", css_classes=["scroll"])
        self.sweep.param.watch(self._pick, "value")
        state.param.watch(self._offer, ["runs", "sweep"])
        self._offer()
        self.build(
            HEAD,
            pn.Row(
                self.sweep,
                measure,
                sizing_mode="stretch_width",
                margin=0,
                css_classes=["pair-top"],
                stylesheets=[html.STYLES],
            ),
            figure(
                self.plot.figure,
                self._words,
                message=html.bound(_missing, state.param.swept, state.param.sweep),
            ),
        )

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        if event.new and event.new != self.state.sweep:
            self.state.param.update(sweep=event.new, swept=None)

    def _offer(self, *_events: object) -> None:
        # Runs come newest first: the oldest run of a group gives it its name.
        groups = {run.group: _words(run) for run in self.state.runs if run.group}
        known = {"none": ""} | {words: group for group, words in groups.items()}
        shown = self.state.sweep
        self.sweep.param.update(options=known, value=shown if shown in groups else "")

    def refresh(self, *_events: object) -> None:
        sweep, measure = self.state.swept, self.choices.swept_by
        if sweep is None:
            return
        self.plot.show(sweep.table, measure, parameter=sweep.parameter, suggested=sweep.suggested)
        self._words.object = page(sweep)

    def export(self) -> Export | None:
        sweep, measure = self.state.swept, self.choices.swept_by
        if sweep is None or not len(sweep.table):
            return None

        def draw() -> Any:
            from dashboard import figures

            return figures.sweep(
                sweep.table, measure, parameter=sweep.parameter, suggested=sweep.suggested
            )

        return Export(f"how many {sweep.parameter}", draw, lambda: sweep.table.set_index("value"))


def page(result: Sweep) -> str:
    """HTML of the number to choose, the reason, and the table."""
    none = result.suggested is None
    head = "Nothing to suggest yet" if none else f"{result.suggested} {result.parameter}"
    done = int((result.runs["state"] == "done").sum())
    left = "" if result.finished else html.busy(f"{done} of {len(result.runs)} runs have ended.")
    rows = [
        [
            html.number(row["value"]),
            f"{row['perplexity']:,.5g}",
            f"{row['excess']:.2g} ± {row['excess_se']:.1g}" if row["excess"] else "best",
            "–" if math.isnan(row["coherence"]) else html.number(row["coherence"], 2),
        ]
        for row in result.table.to_dict("records")
    ]
    titles = ["", "perplexity", "above best", "coherence"]
    failed = result.runs[~result.runs["state"].isin(["done", "queued", "running"])]
    failures = [f"{run.value} {result.parameter}: {run.message}" for run in failed.itertuples()]
    return render("details.sweep", left, head, result.reason, titles, rows, failures)


def _words(run: JobStatus) -> str:
    latent = family_of_settings(run.config).config.latent
    return f"{Path(str(run.request['source'])).stem} · {latent}s · {lists.when(run.created)}"


def _missing(result: Sweep | None, sweep: str | None) -> str:
    if result is not None:
        return ""
    return html.empty("Waiting for the first runs." if sweep else EMPTY)
