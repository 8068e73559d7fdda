"""The version of Logratio."""

from __future__ import annotations

import functools
import importlib.metadata
import tomllib
from contextlib import suppress
from pathlib import Path


@functools.cache
def version() -> str:
    """The version as installed, or of the checkout that it runs from; empty if unknown."""
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("logratio")
    with suppress(OSError, KeyError, tomllib.TOMLDecodeError):
        project = Path(__file__).resolve().parent.parent / "pyproject.toml"
        return str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])
    return ""
