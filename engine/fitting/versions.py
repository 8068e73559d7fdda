"""Versions of the software that a result depends on."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache

from engine.version import version


def versions() -> dict[str, str]:
    """Versions of Logratio, Python and the libraries that matter, by name."""
    return {"logratio": version(), "python": platform.python_version(), **_libraries()}


# Each version is read from a file of the package, which every snapshot of a fit would read again.
@cache
def _libraries() -> dict[str, str]:
    packages = ("jax", "numpyro", "numpy", "scipy", "anndata")
    return {name: importlib.metadata.version(name) for name in packages}
