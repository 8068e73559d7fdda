"""The bar above the cards: settings, start and progress of a check."""

from __future__ import annotations

import time
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from dashboard import html
from dashboard.cards.check.checker import Checker
from dashboard.cards.check.tab_choices import ALL, EACH, SELECTED, CheckChoices
from dashboard.controls.run import duration, left
from dashboard.one_message import one_message
from dashboard.select import Select
from dashboard.state import AppState
from dashboard.templates import render
from engine import summaries
from engine.jobs import JobStatus

MODES = {"From posterior": "laplace", "At the mode": "map", "New cells": "population"}
TOTALS = {"usual": "", "as observed": "observed", "of the model": "model"}
PURPOSES = {
    "laplace": "Each cell is drawn again, its latents from their posterior: can the fit describe "
    "the cells it has seen?",
    "map": "Each cell is drawn again, its latents at their mode: quick to explain, but what is "
    "not known of a cell is left out.",
    "population": "Cells are drawn that were never seen, latents from the fitted prior: does the "
    "fit know what cells are like?",
}
APART = "They are like all cells: expect some cells, or a group, to differ."


class CheckBar(pn.viewable.Viewer):
    """Settings of a check, and the button that starts and stops it."""

    def __init__(self, state: AppState, choices: CheckChoices, checker: Checker) -> None:
        super().__init__()
        self.state, self.choices, self.checker = state, choices, checker
        small: dict[str, Any] = {"size": "small", "margin": 0, "description": ""}
        of = choices.param
        mode = Select.from_param(of.mode, label="Mode", options=MODES, width=158, **small)
        self.totals = Select.from_param(
            of.totals, label="Totals", options=TOTALS, width=118, **small
        )
        self.cells = Select(label="Cells", options=[ALL], value=ALL, width=138, **small)
        draws = pmui.IntInput.from_param(
            of.draws, label="Draws", start=20, end=2000, step=50, width=96, **small
        )
        self.group = Select(label="Show", options=[ALL], value=ALL, width=130, **small)
        self.button = pmui.Button(
            label="Check",
            icon="play_arrow",
            color="primary",
            variant="contained",
            size="small",
            margin=0,
            width=92,
            on_click=one_message(self._press),
        )
        self._far = html.pane(sizing_mode="stretch_width")
        self._panel = pn.Column(
            pn.Row(
                mode,
                self.totals,
                self.cells,
                draws,
                self.button,
                self._far,
                self.group,
                sizing_mode="stretch_width",
                margin=0,
                height=44,
                css_classes=["chosen", "check-bar"],
                stylesheets=[html.STYLES],
            ),
            html.pane(html.bound(purpose, of.mode, of.cells)),
            sizing_mode="stretch_width",
            margin=0,
        )
        self.cells.param.watch(self._pick, "value")
        self.group.param.watch(self._look, "value")
        state.param.watch(self._offer, ["fit", "selected", "tab"])
        choices.param.watch(self._offer, ["cells", "checked", "group"])
        choices.param.watch(self._refresh, ["status", "wrong"])
        self._offer()
        self._refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _press(self, _event: object) -> None:
        if self.choices.running:
            self.checker.stop()
        else:
            self.checker.start()

    @one_message
    def _pick(self, event: param.parameterized.Event) -> None:
        self.choices.cells = event.new

    @one_message
    def _look(self, event: param.parameterized.Event) -> None:
        self.choices.group = event.new

    def _offer(self, *_events: object) -> None:
        state, choices = self.state, self.choices
        known = [ALL, SELECTED]
        if state.fit is not None:
            known += [f"{EACH}{name}" for name in summaries.grouping_columns(state.fit)]
            if choices.cells not in known:
                choices.cells = ALL
        value = choices.cells if choices.cells in known else ALL
        if (known, value) != (self.cells.options, self.cells.value):
            self.cells.param.update(options=known, value=value)
        if self.totals.disabled != state.is_topics:
            self.totals.disabled = state.is_topics
        checked = choices.checked
        groups = [ALL] if checked is None else list(dict.fromkeys(checked.check.genes["group"]))
        if (groups, choices.group) != (self.group.options, self.group.value):
            self.group.param.update(options=groups, value=choices.group)

    def _refresh(self, *_events: object) -> None:
        running = self.choices.running
        label = "Stop" if running else "Check"
        if self.button.label != label:
            self.button.param.update(
                label=label,
                icon="stop" if running else "play_arrow",
                variant="outlined" if running else "contained",
            )
        choices = self.choices
        self._far.object = progress(choices.status, choices.wrong, time.time(), choices.aside)


def purpose(mode: str, cells: str) -> str:
    """The purpose of a mode, in one line."""
    apart = mode == "population" and cells != ALL
    return html.note(f"{PURPOSES[mode]} {APART}" if apart else PURPOSES[mode])


def progress(status: JobStatus | None, wrong: str, now: float, aside: str = "") -> str:
    """Phase, progress and remaining time of a check."""
    if wrong or (status is not None and status.state == "failed"):
        message = wrong or (status.message if status is not None else "")
        return render("pieces.bad", message)
    if status is None:
        return ""
    if not status.active:
        done = f"Done in {duration(status.seconds)}." if status.state == "done" else "Stopped."
        return render("pieces.done", f"{done} {aside}".strip())
    if status.state == "queued":
        return html.busy("Waiting for the checks before it.")
    parts = [status.phase]
    spent = max(now - status.created, 0.0)
    if status.fraction > 0.03:
        parts.append(f"{100 * status.fraction:.0f} %")
    if spent > 3 and status.fraction > 0.2:
        parts.append(left(spent * (1 / status.fraction - 1)))
    return html.busy(" · ".join(parts))
