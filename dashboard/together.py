"""All that one action changes, in one message to the browser."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import panel as pn
from bokeh.document import without_document_lock
from panel.io.state import set_curdoc


def together(action: Callable[..., object]) -> Callable[..., None]:
    """Let the browser lay out and paint once, and not for each plot that an action changes.

    While Bokeh holds the lock of a document it sends each change in a message of its own, and
    the browser paints between them. Held back, and let go without the lock, they are one.
    """

    @functools.wraps(action)
    def held(*arguments: Any, **named: Any) -> None:
        doc = pn.state.curdoc
        # Before a page is loaded, Panel lets go of what is held back only under the lock.
        if doc is None or doc.session_context is None or not pn.state.loaded:
            action(*arguments, **named)
            return

        @without_document_lock
        async def act() -> None:
            with set_curdoc(doc), pn.io.hold(doc):
                action(*arguments, **named)

        doc.add_next_tick_callback(act)

    return held
