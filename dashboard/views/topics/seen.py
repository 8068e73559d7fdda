"""What the views of the tab share: they work while somebody looks, and off the event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import panel as pn

from dashboard.controls.export import in_background
from dashboard.state import AppState, Notice
from dashboard.together import together
from engine.results import AnyFit

TAB = "topics"


def seen(state: AppState) -> AnyFit | None:
    """The fit to show; None while there is none or another tab is in front."""
    return state.fit if state.tab == TAB else None


def summarised(
    state: AppState, work: Callable[[], Any], then: Callable[[Any], None]
) -> Future[None]:
    """Work in a thread; ``then`` gets what came of it, in one message to the browser.

    Without a page that could wait for it, work is done at once.
    """
    if pn.state.curdoc is None:
        done: Future[None] = Future()
        then(work())
        done.set_result(None)
        return done

    def fail(error: Exception) -> None:
        state.run_error = Notice.of(error)

    return in_background(work, together(then), fail)
