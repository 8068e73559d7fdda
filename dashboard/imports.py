"""Imports of large libraries, one at a time."""

from __future__ import annotations

import importlib
import threading
from types import ModuleType

_IMPORTING = threading.Lock()


def slowly(name: str) -> ModuleType:
    """Import a large library.

    Two threads that import scanpy and umap at once can meet half-made modules of what both
    import (scikit-learn): Python breaks such deadlocks by letting one through.
    """
    with _IMPORTING:
        return importlib.import_module(name)
