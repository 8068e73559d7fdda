"""The commands of ``python -m engine``: each is a module that holds it under its own name."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import click


def commands() -> list[click.Command]:
    """All commands."""
    names = [module.name for module in iter_modules(__path__)]
    return [getattr(import_module(f"{__name__}.{name}"), name) for name in names]
