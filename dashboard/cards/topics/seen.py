"""Shared by the views of the tab: they compute only while it is in front."""

from __future__ import annotations

from dashboard.bare import is_bare
from dashboard.state import AppState
from engine.results import AnyFit

TAB = "topics"


def seen(state: AppState) -> AnyFit | None:
    """The fit to show; None while there is none with a factor, or another tab is in front."""
    return state.fit if state.tab == TAB and not is_bare(state.fit) else None
