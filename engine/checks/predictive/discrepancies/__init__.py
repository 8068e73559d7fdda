"""The discrepancies of a check: each module has one as ``DISCREPANCY``."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from engine.checks.predictive.discrepancy import Discrepancy

_MODULES = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
DISCREPANCIES: dict[str, Discrepancy] = {
    one.name: one
    for one in sorted((module.DISCREPANCY for module in _MODULES), key=lambda one: one.place)
}
THRESHOLDS = ", ".join(one.threshold for one in DISCREPANCIES.values())
