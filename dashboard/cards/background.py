"""Summaries of a fit for the views, computed off the event loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import panel as pn

from dashboard.controls.export_menu import in_background
from dashboard.one_message import one_message
from dashboard.state import AppState, Notice


def summarised(
    state: AppState, work: Callable[[], Any], then: Callable[[Any], None], *, quick: bool = False
) -> Future[None]:
    """Run ``work`` in a thread; ``then`` gets its result, in one message to the browser.

    Without a page, the work is done at once. So is ``quick`` work: its result reaches the browser
    in the message of the action that started it.
    """

    def fail(error: Exception) -> None:
        state.run_error = Notice.of(error)

    if quick or pn.state.curdoc is None:
        done: Future[None] = Future()
        done.set_result(None)
        try:
            result = work()
        except Exception as error:
            if pn.state.curdoc is None:
                raise
            # As from a thread: the page shows the error and stays usable.
            fail(error)
        else:
            then(result)
        return done

    return in_background(work, one_message(then), fail)
