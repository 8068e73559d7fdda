"""Caches results for as long as their fit is in use."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable


def per_fit[F, T](compute: Callable[[F], T]) -> Callable[[F], T]:
    """Compute once for each fit; free the result together with the fit.

    Keyed by identity: a Fit holds arrays, so it has no hash.
    """
    known: dict[int, tuple[weakref.ref[F], T]] = {}
    lock = threading.Lock()

    @functools.wraps(compute)
    def cached(fit: F) -> T:
        key = id(fit)
        with lock:
            entry = known.get(key)
        # An identity may be used again before the callback of the old fit has run.
        if entry is not None and entry[0]() is fit:
            return entry[1]
        value = compute(fit)
        held = weakref.ref(fit, functools.partial(_forget, known, key))
        with lock:
            known[key] = held, value
        return value

    return cached


def _forget[F, T](
    known: dict[int, tuple[weakref.ref[F], T]], key: int, dead: weakref.ref[F]
) -> None:
    # No lock: a collection may call this in a thread that holds it.
    entry = known.get(key)
    if entry is not None and entry[0] is dead:
        known.pop(key, None)
