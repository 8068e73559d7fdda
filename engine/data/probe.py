"""Has another process read an HDF5 file of counts before it is opened in this one.

A few damaged bytes can send the HDF5 library into an endless loop or a crash, which no
exception handler catches and which would take the server with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from engine.files import probing

SECONDS = 30.0
_NEEDED = ContextVar("needed", default=True)


@contextmanager
def not_needed() -> Iterator[None]:
    """Skip the probe, in a process that only reads a file and may crash."""
    token = _NEEDED.set(False)
    try:
        yield
    finally:
        _NEEDED.reset(token)


def probe(path: Path, seconds: float | None = None) -> None:
    """Raise ValueError if the file cannot be walked through in time, or at all."""
    if _NEEDED.get():
        probing.probe(path, None, seconds or SECONDS)
