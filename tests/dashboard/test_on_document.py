"""What changes the document of a session waits for its turn."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from bokeh.application import Application
from bokeh.document import Document
from bokeh.server.contexts import ApplicationContext, BokehServerContext, BokehSessionContext
from bokeh.server.session import ServerSession
from panel.io.state import set_curdoc, state
from tornado.ioloop import IOLoop

from dashboard.on_document import on_document
from dashboard.one_message import one_message
from tests.waiting import PATIENCE


class Visit:
    """A session, and a callback of it in a thread, which ends when it is let."""

    def __init__(self) -> None:
        self.document, loop = Document(), IOLoop.current()
        self.application = ApplicationContext(Application(), io_loop=loop)  # type: ignore[arg-type]
        server = BokehServerContext(self.application)
        self.context = BokehSessionContext("one", server, self.document)  # type: ignore[arg-type]
        self.document._session_context = weakref.ref(self.context)
        self.session = ServerSession("one", self.document, loop)  # type: ignore[arg-type]
        self.context._set_session(self.session)
        state._loaded[self.document] = True
        self.begun, self.let, self.order = threading.Event(), threading.Event(), list[str]()

    def work(self) -> None:
        self.begun.set()
        assert self.let.wait(PATIENCE)
        self.order.append("in a thread")

    def act(self) -> None:
        assert state.curdoc is self.document
        self.order.append("beside it")


async def in_turn(visit: Visit, ask: Callable[[], object]) -> list[str]:
    """The order of what a thread does and of what is asked meanwhile."""
    work = asyncio.ensure_future(visit.session.with_document_locked(visit.work))
    await asyncio.to_thread(visit.begun.wait, PATIENCE)
    ask()
    # Time enough for whoever does not wait.
    for _ in range(100):
        await asyncio.sleep(0)
    visit.let.set()
    await work
    async with asyncio.timeout(PATIENCE):
        while len(visit.order) < 2:
            await asyncio.sleep(0.01)
    return visit.order


def run(test: Callable[[Visit], Awaitable[list[str]]]) -> list[str]:
    async def begin() -> list[str]:
        return await test(Visit())

    # In a thread: that of the browser's tests has an event loop that runs.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(begin())).result()


def test_an_action_in_one_message_waits_for_a_thread() -> None:
    def test(visit: Visit) -> Awaitable[list[str]]:
        def ask() -> None:
            with set_curdoc(visit.document):
                one_message(visit.act)()

        return in_turn(visit, ask)

    assert run(test) == ["in a thread", "beside it"]


def test_a_thread_waits_for_an_action_in_one_message() -> None:
    async def test(visit: Visit) -> list[str]:
        locked = []

        def act() -> None:
            locked.append(visit.session._lock.locked())

        with set_curdoc(visit.document):
            one_message(act)()
        while not locked:
            await asyncio.sleep(0)
        return [str(*locked)]

    assert run(test) == ["True"]


def test_what_another_thread_asks_waits_and_adds_no_callback() -> None:
    def test(visit: Visit) -> Awaitable[list[str]]:
        def ask() -> None:
            thread = threading.Thread(target=on_document, args=(visit.document, visit.act))
            thread.start()
            thread.join()
            assert not visit.document.session_callbacks

        return in_turn(visit, ask)

    assert run(test) == ["in a thread", "beside it"]


def test_a_session_that_has_ended_is_left_alone() -> None:
    async def test(visit: Visit) -> list[str]:
        with set_curdoc(visit.document):
            one_message(visit.act)()
        on_document(visit.document, visit.act)
        visit.session._destroyed = True  # what `destroy` does first
        for _ in range(100):
            await asyncio.sleep(0)
        return visit.order

    assert run(test) == []


@pytest.mark.parametrize("doc", [None, Document()])
def test_without_a_session_it_is_done_at_once(doc: Document | None) -> None:
    done: list[int] = []
    on_document(doc, lambda: done.append(1))
    assert done == [1]
