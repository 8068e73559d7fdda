"""How far the reading of a source has come, told to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Hears what is being done and which share of it is done, 0 to 1.
Listener = Callable[[str, float], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(words: str, share: float) -> None:
    """Say what is being done, and which share of it is done."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(words, share)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear of what is read inside."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
