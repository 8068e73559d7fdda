"""Reports the progress of reading a source to a listener."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Called with the current step and the share that is done, 0 to 1.
Listener = Callable[[str, float], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report_progress(words: str, share: float) -> None:
    """Report the current step, and the share that is done."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(words, share)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call a listener with the progress of reading in this block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
