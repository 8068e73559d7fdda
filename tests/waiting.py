"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

# Seconds until a test gives up: only a failure costs them, and a busy machine may need them.
PATIENCE = 240.0


def wait_for[T](condition: Callable[[], T], meanwhile: Callable[[], object] | None = None) -> T:
    """The first value of a condition that is true.

    Parameters
    ----------
    meanwhile
        Called between two looks: what a server does every so often.
    """
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"nothing happened for {PATIENCE:g} s"
        if meanwhile is not None:
            meanwhile()
        time.sleep(0.005)
    return found
