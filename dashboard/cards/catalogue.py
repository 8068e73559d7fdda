"""Finds the cards of each tab in its folder; there is no other list of them."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType
from typing import Any

from dashboard.cards.card import Card


def cards(tab: str) -> list[type[Card]]:
    """Cards of a tab, in the order of their places."""
    # Base classes of cards have no entry.
    kinds = [
        kind for module in _modules(tab) for kind in _own(module, Card) if hasattr(kind, "entry")
    ]
    return sorted(kinds, key=lambda kind: (kind.place, kind.entry))


def keys(tab: str, front: str) -> list[str]:
    """Keys of the cards of a tab that have this ``front``."""
    return [kind.key or kind.entry for kind in cards(tab) if kind.front == front]


def tab(name: str) -> Any:
    """The `dashboard.cards.base_tab.Tab` in the folder of a tab."""
    module = importlib.import_module(f"{__package__}.{name}.tab")
    (tab_class,) = (kind for kind in _own(module, module.Tab))
    return tab_class


def _modules(tab: str) -> list[ModuleType]:
    package = importlib.import_module(f"{__package__}.{tab}")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]


def _own[Kind](module: ModuleType, kind: type[Kind]) -> list[type[Kind]]:
    """Classes of a kind that a module defines."""
    classes = [item for item in vars(module).values() if isinstance(item, type)]
    return [
        item for item in classes if issubclass(item, kind) and item.__module__ == module.__name__
    ]
