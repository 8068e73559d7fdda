"""Takes turns on the document of a session: one thread at a time changes what the browser has.

Bokeh runs the callbacks of a session in threads, each under the lock of its document. Who changes a
document beside them, without that lock, can lose their changes or its own: Panel collects the
changes of a document in one list, whoever makes them, and empties it.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import panel as pn
from bokeh.document import Document
from bokeh.server.contexts import BokehServerContext, BokehSessionContext
from bokeh.server.session import ServerSession
from panel.io.state import set_curdoc

# A loop itself may forget a task that nobody keeps.
_TASKS: set[Future[None]] = set()


def on_document(doc: Document | None, action: Callable[[], None]) -> None:
    """Run an action on the document of a session, from any thread, after those before it."""
    if doc is None or doc.session_context is None:
        action()
        return

    def act(*, schedule: bool) -> None:
        # In a thread the current document may be that of another session.
        with set_curdoc(doc):
            pn.state.execute(action, schedule=schedule)

    def take_turn() -> None:
        session = session_of(doc)
        if session is None:
            # The page is still being made: its session will begin with this.
            act(schedule=True)
            return
        # Not a callback that is added to the document: to add one is a change of it as well.
        task = asyncio.ensure_future(session.with_document_locked(act, schedule=False))
        _TASKS.add(task)
        task.add_done_callback(_TASKS.discard)

    loop = _loop(doc)
    if loop is None:
        act(schedule=True)
    else:
        loop.call_soon_threadsafe(take_turn)


@asynccontextmanager
async def turn(session: ServerSession | None) -> AsyncIterator[bool]:
    """Keep everybody else from the document of a session; false if the session has ended."""
    if session is None:
        yield True
        return
    # `with_document_locked` would send each change as a message of its own.
    async with session._lock:
        yield not session.destroyed


def session_of(doc: Document) -> ServerSession | None:
    """The session of a document, once the server has begun it."""
    context = doc.session_context
    return context.session if isinstance(context, BokehSessionContext) else None


def _loop(doc: Document) -> AbstractEventLoop | None:
    """The event loop on which the server runs a document."""
    context = doc.session_context
    server = context.server_context if context is not None else None
    application = server.application_context if isinstance(server, BokehServerContext) else None
    loop = application.io_loop if application is not None else None
    return loop if loop is None or isinstance(loop, AbstractEventLoop) else loop.asyncio_loop
