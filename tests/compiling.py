"""Programs compiled without what makes them fast."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import jax

_OPTION = "jax_disable_most_optimizations"


def compile_quickly(quick: bool) -> None:
    """Compile so from now on, or no longer; so do processes that are begun from now on.

    No program is held beyond such a change, since rounding differs: fits of one kind are equal to
    the last bit.
    """
    if quick != bool(jax.config.values[_OPTION]):
        jax.config.update(_OPTION, quick)
        jax.clear_caches()
    os.environ[_OPTION.upper()] = str(int(quick))


@contextmanager
def compiled_quickly() -> Iterator[None]:
    """Leave out what makes programs fast where they compute for a moment only.

    LLVM's optimisation then costs more than all that it makes faster; it changes no formula.
    """
    before = bool(jax.config.values[_OPTION])
    jax.config.update(_OPTION, True)
    try:
        yield
    finally:
        jax.config.update(_OPTION, before)
