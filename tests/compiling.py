"""Programs compiled without what makes them fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import pytest

_OPTION = "jax_disable_most_optimizations"


@contextmanager
def compiled_quickly() -> Iterator[None]:
    """Leave out what makes programs fast where they compute for a moment only.

    LLVM's optimisation then costs more than all that it makes faster; it changes no formula.
    Processes that are begun meanwhile do the same.
    """
    before = bool(jax.config.values[_OPTION])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(_OPTION.upper(), "1")
        jax.config.update(_OPTION, True)
        try:
            yield
        finally:
            jax.config.update(_OPTION, before)
