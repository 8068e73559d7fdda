"""Names of the tabs: the folders of `dashboard.cards`, in the order of their ``PLACE``."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from pathlib import Path


@functools.cache
def tab_names() -> tuple[str, ...]:
    """The name of each tab, from left to right. Imports none of the cards."""
    folder = Path(__file__).parent / "cards"
    names = [module.name for module in pkgutil.iter_modules([str(folder)]) if module.ispkg]
    positions = {name: importlib.import_module(f"dashboard.cards.{name}").PLACE for name in names}
    return tuple(sorted(names, key=positions.__getitem__))
