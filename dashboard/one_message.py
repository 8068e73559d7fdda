"""Sends all changes of one action to the browser in one message."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import panel as pn
from bokeh.document import without_document_lock
from panel.io.state import set_curdoc

from dashboard.on_document import session_of, turn


def one_message(action: Callable[..., object]) -> Callable[..., None]:
    """Wrap an action so that the browser lays out and paints once, not once for each plot.

    Under the lock of a document, Bokeh sends each change as a message of its own, and the browser
    paints between them. Changes that Panel holds and sends in Bokeh's place are one message.
    """

    @functools.wraps(action)
    def send(*arguments: Any, **named: Any) -> None:
        doc = pn.state.curdoc
        # Before a page is loaded, Panel sends held changes only under the lock.
        if doc is None or doc.session_context is None or not pn.state.loaded:
            action(*arguments, **named)
            return

        @without_document_lock
        async def act() -> None:
            async with turn(session_of(doc)) as has_page:
                if has_page:
                    with set_curdoc(doc), pn.io.hold(doc):
                        action(*arguments, **named)

        doc.add_next_tick_callback(act)

    return send
