"""4 Runs: all fits on this server, to open, resume or delete."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import panel as pn
import panel_material_ui as pmui

from dashboard import html
from dashboard.controls.form import step
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.jobs import JobStatus

RESUMABLE = ("interrupted", "stopped", "failed")
MARKS = {
    "queued": "schedule",
    "running": "sync",
    "done": "check_circle_outline",
    "stopped": "stop_circle",
    "failed": "error_outline",
    "interrupted": "pause_circle_outline",
    "cancelled": "cancel",
}
SHOWN = 30


class RunsControl(pn.viewable.Viewer):
    """History of the fits, newest first."""

    def __init__(self, state: AppState, runner: Runner) -> None:
        super().__init__()
        self.state = state
        self.runner = runner
        self._doomed = ""
        self._list = pmui.MenuList(
            items=[],
            dense=True,
            level_indent=0,
            sizing_mode="stretch_width",
            margin=0,
            on_click=self._open,
        )
        self._list.on_action("resume", self._resume)
        self._list.on_action("delete", self._delete)
        self._empty = html.pane(html.note("Fits are kept here, also after the page is closed."))
        self.state.param.watch(self._refresh, ["runs", "run"])
        self._refresh()
        self._panel = step(4, "Runs", self._empty, self._list)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._panel

    def _refresh(self, *_events: object) -> None:
        items = [self._item(status) for status in self.state.runs[:SHOWN]]
        shown = [status.id for status in self.state.runs[:SHOWN]]
        active = shown.index(self.state.run) if self.state.run in shown else None
        self._list.param.update(items=items, active=None if active is None else (active,))
        self._empty.visible = not items

    def _item(self, status: JobStatus) -> dict[str, Any]:
        doomed = status.id == self._doomed
        actions = []
        if status.state in RESUMABLE:
            actions.append({"label": "resume", "icon": "play_arrow", "inline": True})
        actions.append(
            {
                "label": "delete",
                "icon": "delete_forever" if doomed else "delete_outline",
                "color": "error" if doomed else "default",
                "inline": True,
            }
        )
        return {
            "id": status.id,
            "label": status.name,
            "secondary": "press again to delete for good" if doomed else secondary(status),
            "icon": MARKS[status.state],
            "actions": actions,
        }

    def _open(self, item: Any) -> None:
        if item["id"] != self.state.run:
            self.runner.open(item["id"])

    def _resume(self, item: Any) -> None:
        self.runner.resume(item["id"])

    def _delete(self, item: Any) -> None:
        if item["id"] == self._doomed:
            self._doomed = ""
            self.runner.delete(item["id"])
            return
        self._doomed = item["id"]
        self._refresh()


def secondary(status: JobStatus) -> str:
    """State, time and objective of a run in one line."""
    made, today = datetime.fromtimestamp(status.created), datetime.now().date()
    parts = [status.state, made.strftime("%H:%M" if made.date() == today else "%d %b %Y")]
    if math.isfinite(status.log_marginal_per_cell):
        parts.append(f"{html.number(status.log_marginal_per_cell, 1)} nats/cell")
    return " · ".join(parts)
