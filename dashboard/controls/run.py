"""3 Run: start, stop and progress, always in sight; the trace of the objective."""

from __future__ import annotations

import math
import time
from typing import Any

import holoviews as hv
import panel as pn
import panel_material_ui as pmui

from dashboard import html, lists, size_selection
from dashboard.controls.fields import switch, whole
from dashboard.controls.form import WIDE, Later, beside, folded, form
from dashboard.plots.trace import HEIGHT, objective_trace
from dashboard.runner import ACTIVE, Runner
from dashboard.state import AppState
from dashboard.templates import render
from engine.jobs import JobStatus
from engine.registry import MODELS

STATES = {
    "queued": "Waiting for the runs before it",
    "running": "Running",
    "done": "Finished",
    "stopped": "Stopped; the best so far is shown",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "cancelled": "Cancelled",
}


# To draw the curve costs the server as much as all other updates of a run.
DRAWN_SECONDS = 1.0
MOST_OTHERS = 2
COMPARE, STOP = "Compare on held-out cells", "Stop comparing"
SPLIT = (
    "The fit sees a random half of each count. Groups that are drawn on its maps are tested in the "
    "other half: for more than counting noise in these cells."
)
WIDE_BUTTON: dict[str, Any] = {"sizing_mode": "stretch_width", "width": None, "margin": 0}


class RunControl(pn.viewable.Viewer):
    """The Fit button at the foot of the sidebar, which is Stop while the shown run is active.

    Attributes
    ----------
    settings
        Controls of scoring and comparison; the caller places them on the page.
    course
        The objective of the shown run, placed likewise.
    """

    def __init__(self, state: AppState, runner: Runner) -> None:
        super().__init__()
        self.state = state
        self.runner = runner
        self._button = pmui.Button(
            label="Fit",
            color="primary",
            on_click=self._press,
            **WIDE_BUTTON,
        )
        self._bar = pmui.LinearProgress(
            value=0, sizing_mode="stretch_width", width=None, margin=(4, 0)
        )
        self._steps = hv.streams.Pipe(data=())
        self._drawn: tuple[str | None, float] = None, 0.0
        self._progress, self._trace = Later(lambda: [self._bar]), Later(lambda: [self._plot()])
        of = state.param
        held_out = whole(of.held_out, "Per cent", "", visible=of.scored, sizing_mode=None, width=96)
        scored = switch(of.scored, "Score held-out cells", sizing_mode="stretch_width")
        split = switch(of.split, "Split counts, to test groups that are found")
        self.settings = form(
            beside(scored, held_out),
            split,
            html.live(lambda split: html.note(SPLIT) if split else "", of.split),
            self._several(),
        )
        self.course = self._trace.column
        self.course.css_classes = ["form", "step"]
        heading = html.pane(html.section(3, "Run"), sizing_mode=None, width=64, align="center")
        self._panel = form(
            html.live(others, of.runs, of.run),
            beside(heading, self._button),
            self._progress.column,
            html.pane(html.bound(words, of.status, of.fit_requested, of.reading)),
            html.live(size_selection.line, of.fit),
            html.live(html.notice, of.run_error),
        )
        self._panel.css_classes = ["form", "step", "foot"]
        state.param.watch(self._refresh, "status")
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _several(self) -> pmui.Accordion:
        of = self.state.param
        numbers = pmui.TextInput.from_param(
            of.tried,
            label="Numbers to compare",
            helper_text=html.bound(_numbers_help, of.model),
            **WIDE,
        )
        button = pmui.Button(
            label=html.bound(lambda *_: STOP if self._comparing else COMPARE, of.runs, of.sweep),
            variant="outlined",
            on_click=lambda _event: self._compare(),
            **WIDE_BUTTON,
        )
        seeds = whole(of.tried_seeds, "Seeds", "Each fits anew")
        return folded("How many?", beside(numbers, seeds), button)

    @property
    def _comparing(self) -> bool:
        sweep = self.state.sweep
        return any(run.active for run in self.state.runs if sweep and run.group == sweep)

    def _compare(self) -> None:
        if self._comparing:
            self.runner.stop_sweep()
            return
        before = self.state.sweep
        self.runner.sweep()
        if self.state.sweep != before:
            self.state.tab = "topics"

    @property
    def _active(self) -> bool:
        status = self.state.status
        return status is not None and status.state in ACTIVE

    def _press(self, _event: object) -> None:
        if self._active:
            self.runner.stop()
        else:
            self.runner.fit()

    def _refresh(self, *_events: object) -> None:
        status, active = self.state.status, self._active
        self._button.param.update(
            label="Stop" if active else "Fit",
            icon="stop" if active else "play_arrow",
            variant="outlined" if active else "contained",
        )
        known = active and status.fraction > 0
        self._bar.param.update(
            variant="determinate" if known else "indeterminate",
            value=100 * status.fraction if known else 0,
        )
        self._progress.show(active)
        self._draw(status)

    def _draw(self, status: JobStatus | None) -> None:
        trace = status.trace if status is not None else ()
        run, now = self.state.run, time.monotonic()
        if not self._active or self._drawn[0] != run or now - self._drawn[1] > DRAWN_SECONDS:
            self._drawn = run, now
            self._steps.send(trace)
        self._trace.show(len(trace) > 1)

    def _plot(self) -> pn.pane.HoloViews:
        return pn.pane.HoloViews(
            hv.DynamicMap(lambda data: objective_trace(data), streams=[self._steps]),
            sizing_mode="stretch_width",
            height=HEIGHT,
            margin=0,
        )


def _numbers_help(model: str) -> str:
    return f"Of {MODELS[model].config.latent}s, with commas"


def words(status: JobStatus | None, requested: bool = False, reading: str = "") -> str:
    """Phase, progress and remaining time of the shown run."""
    if requested:
        return html.busy("The fit starts when the counts are read." if reading else "Starting.")
    if status is None:
        return html.note("No run is open.")
    active = status.state in ACTIVE
    head = doing(status)
    if status.state == "stopped" and not status.passes:
        head = "Stopped before there was a fit"
    lines = [" · ".join(how_far(status))]
    if math.isfinite(status.log_marginal_per_cell):
        lines.append(f"{html.number(status.log_marginal_per_cell, 2)} nats per cell")
    if status.n_failed_cells:
        lines.append(f"{status.n_failed_cells:,} cells have not converged")
    message = status.message[:1].upper() + status.message[1:]
    bad = status.state == "failed" or (not active and "warning:" in status.message)
    return html.status(head, lines, message, bad=bad)


def doing(status: JobStatus) -> str:
    """Phase of a run, or how it ended."""
    if status.state != "running":
        return STATES[status.state]
    # The phase that the engine calls starting includes the first passes.
    if status.passes and status.phase.startswith("starting"):
        return "First passes"
    return size_selection.phase(status.phase).capitalize()


def how_far(status: JobStatus) -> list[str]:
    """Passes and times of a run, those that are known."""
    parts = [f"pass {status.passes}"] if status.passes else []
    if status.seconds:
        parts.append(duration(status.seconds))
    if status.state in ACTIVE and status.seconds_left is not None:
        parts.append(left(status.seconds_left))
    return parts


def others(runs: list[JobStatus], shown: str | None) -> str:
    """HTML of the other active runs, each with a button that opens it."""
    going = [run for run in runs if run.state == "running" and run.id != shown]
    lines = [
        (
            lists.press("run-open", run.id, run.name, kind="act"),
            " · ".join([doing(run), *how_far(run)]),
        )
        for run in going[:MOST_OTHERS]
    ]
    return render("runs.others", lines) if lines else ""


def left(seconds: float) -> str:
    """Remaining time in words, rounded as an estimate deserves."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 100:
        return f"about {5 * round(seconds / 5):.0f} s left"
    return f"about {duration(seconds)} left"


def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
