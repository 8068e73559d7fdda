"""Silences warnings of third-party readers; what a person needs to know is in the report."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Python warnings inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
