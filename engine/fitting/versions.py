"""What a result depends on beside its counts and settings."""

from __future__ import annotations

import importlib.metadata
import platform

from engine.version import version


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    packages = ("jax", "numpyro", "numpy", "scipy", "anndata")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"logratio": version(), "python": platform.python_version(), **found}
