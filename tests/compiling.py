"""Programs compiled without what makes them fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def compiled_quickly() -> Iterator[None]:
    """Leave out what makes programs fast where they compute for a moment only.

    LLVM's optimisation then costs more than all that it makes faster; it changes no formula.
    """
    before = bool(jax.config.values["jax_disable_most_optimizations"])
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
