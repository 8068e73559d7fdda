"""Runs: all fits on this server, to open, rename, download, resume or delete."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.controls.export_menu import save_fit
from dashboard.controls.form import WIDE, Later, step
from dashboard.runner import ACTIVE, Runner
from dashboard.state import AppState
from dashboard.templates import Html, render
from engine.errors import EngineError
from engine.jobs import JobStatus
from engine.registry import config_from_dict

RESUMABLE = ("interrupted", "stopped", "failed")
SHOWN = 30
LONGEST_NAME = 200
# Lines on a square of 24.
ICONS = {
    "resume": "M7 5 19 12 7 19Z",
    "rename": "M4 20 5 15 15 5 19 9 9 19Z",
    "save": "M12 4V15M7 10 12 15 17 10M5 20H19",
    "share": "M12 4V14M8 8 12 4 16 8M5 12V20H19V12",
    "delete": "M5 7H19M10 7V4H14V7M7 7 8 20H16L17 7",
}
WORDS = {
    "resume": "Resume",
    "rename": "Rename",
    "save": "Download the fit (.h5ad)",
    "share": "Shared with everyone on this server",
    "delete": "Delete",
}


class RunsControl(pn.viewable.Viewer):
    """History of the fits, newest first, below the controls ``more`` of the open one."""

    def __init__(self, state: AppState, runner: Runner, browser: Browser, *more: Any) -> None:
        super().__init__()
        self.state, self.runner, self.browser = state, runner, browser
        self._doomed = self._renamed = ""
        self._list = html.pane()
        self._name = pmui.TextInput(
            label="New name of the run",
            helper_text="Press Enter to keep it",
            max_length=LONGEST_NAME,
            **WIDE,
        )
        self._name.param.watch(self._keep_name, "enter_pressed")
        self._renaming = Later(lambda: [self._name])
        actions: dict[str, Callable[[str], None]] = {
            "open": self._open,
            "resume": runner.resume,
            "rename": self._rename,
            "save": self._save,
            "share": self._share,
            "delete": self._delete,
        }
        for act, action in actions.items():
            browser.on(f"run-{act}", self._once(act, action))
        state.param.watch(self._refresh, ["runs", "run"])
        self._refresh()
        self._panel = step(None, "Runs", *more, self._renaming.column, self._list)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _once(self, act: str, action: Callable[[str], None]) -> Callable[[str], None]:
        """Wrap an action: any but a second Delete cancels the deletion of a run."""

        def do(run: str) -> None:
            if act != "delete" and self._doomed:
                self._doomed = ""
                self._refresh()
            if any(status.id == run for status in self.state.runs):
                action(run)

        return do

    def _refresh(self, *_events: object) -> None:
        state = self.state
        if not state.runs:
            self._list.object = html.note("Fits are kept here, also after the page is closed.")
            return
        who = self.runner.services.who
        rows = [row(s, s.id == state.run, s.id == self._doomed, who) for s in state.runs[:SHOWN]]
        self._list.object = render("runs.runs", rows)

    def _open(self, run: str) -> None:
        if run != self.state.run:
            self.runner.open(run)

    def _rename(self, run: str) -> None:
        if self._renamed == run:
            self._stop_renaming()
            return
        self._renamed = run
        name = next(status.name for status in self.state.runs if status.id == run)
        self._name.value = name
        self._renaming.show()
        self.browser.focus(self._name.label)

    def _keep_name(self, *_events: object) -> None:
        name = (self._name.value_input or "").strip()
        if self._renamed and name:
            self.runner.rename(self._renamed, name)
        self._stop_renaming()

    def _stop_renaming(self) -> None:
        self._renamed = ""
        self._renaming.show(False)

    def _share(self, run: str) -> None:
        now = any(status.id == run and status.shared for status in self.state.runs)
        self.runner.share(run, not now)

    def _save(self, run: str) -> None:
        services = self.runner.services
        jobs, embedder = services.jobs, services.embedder
        save_fit(self.browser, jobs, embedder, run, self.state, services.record)

    def _delete(self, run: str) -> None:
        if run != self._doomed:
            self._doomed = run
            self._refresh()
            return
        self._doomed = ""
        if run == self._renamed:
            self._stop_renaming()
        self.runner.delete(run)


def row(status: JobStatus, shown: bool, doomed: bool, who: str | None = None) -> Html:
    """Row of a run: a button that opens it, and the actions that ``who`` may take."""
    mine = who is None or status.owner in ("", who)
    acts = ["rename"] * mine + ["save"] * bool(status.passes)
    # Without logins, or without an owner, a run cannot be shared.
    acts += ["share"] * bool(who and status.owner == who) + ["delete"] * mine
    if status.state in RESUMABLE and mine:
        acts.insert(0, "resume")
    details = secondary(status)
    if who is not None and status.owner and (status.shared or not mine):
        details += " · shared" if mine else f" · of {status.owner}"
    if doomed:
        details = "press Delete again to delete for good"
    buttons = [
        (act, WORDS[act], ICONS[act], status.shared if act == "share" else None) for act in acts
    ]
    return render("runs.row", "run", status.id, status.name, details, shown, doomed, buttons)


def secondary(status: JobStatus) -> str:
    """State, time and objective of a run in one line."""
    parts = [
        _model(status),
        status.state,
        lists.when(status.created),
    ]
    # Not while a run is active: each change would redraw the list under the mouse.
    perplexity = (status.score or {}).get("perplexity")
    if status.state not in ACTIVE and perplexity is not None:
        parts.append(f"perplexity {html.number(float(perplexity), 1)}")
    elif status.state not in ACTIVE and math.isfinite(status.log_marginal_per_cell):
        parts.append(f"{html.number(status.log_marginal_per_cell, 1)} nats/cell")
    # How well the chains of NUTS agree.
    messages = [] if status.state in ACTIVE else status.message.split("; ")
    parts += [part for part in messages if part.startswith("NUTS: ")]
    parts += ["warning"] * any(part.startswith("warning:") for part in messages)
    return " · ".join(part for part in parts if part)


def _model(status: JobStatus) -> str:
    """Model and size of a run, unless its name contains them, as the default name does."""
    if not status.config:
        return ""
    try:
        config = config_from_dict(status.config)
    except EngineError:
        return ""
    return "" if config.label in status.name else config.label
