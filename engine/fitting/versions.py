"""Versions of the software that a result depends on."""

from __future__ import annotations

import importlib.metadata
import platform

from engine.version import version


def versions() -> dict[str, str]:
    """Versions of Logratio, Python and the libraries that matter, by name."""
    packages = ("jax", "numpyro", "numpy", "scipy", "anndata")
    libraries = {name: importlib.metadata.version(name) for name in packages}
    return {"logratio": version(), "python": platform.python_version(), **libraries}
