"""The cards of each tab: all that its folder holds; no other list of them exists."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from dashboard.cards.card import Card


def cards(tab: str) -> list[type[Card]]:
    """Cards of a tab, in the order of their places."""
    # What cards of a tab have in common is no card.
    found = [k for module in _modules(tab) for k in _own(module, Card) if hasattr(k, "entry")]
    return sorted(found, key=lambda kind: (kind.place, kind.entry))


def keys(tab: str, front: str) -> list[str]:
    """Keys of the cards of a tab that share a place, by the parameter that turns to one."""
    return [kind.key or kind.entry for kind in cards(tab) if kind.front == front]


def tab(name: str) -> Any:
    """The `dashboard.cards.base_tab.Tab` of a name."""
    module = importlib.import_module(f"{__package__}.{name}.tab")
    (found,) = (kind for kind in _own(module, module.Tab))
    return found


def _modules(tab: str) -> list[ModuleType]:
    package = importlib.import_module(f"{__package__}.{tab}")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def _own[Kind](module: ModuleType, kind: type[Kind]) -> list[type[Kind]]:
    """Classes of a kind that a module defines."""
    found = [item for item in vars(module).values() if isinstance(item, type)]
    return [item for item in found if issubclass(item, kind) and item.__module__ == module.__name__]
