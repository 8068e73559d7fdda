"""Imports of large libraries, one at a time."""

from __future__ import annotations

import importlib
import threading
from types import ModuleType

_IMPORTING = threading.Lock()


def slowly(name: str) -> ModuleType:
    """Import a large library, under a lock.

    If two threads import scanpy and umap at once, one may see half-initialised modules of
    scikit-learn, which both import: Python breaks the deadlock of import locks that way.
    """
    with _IMPORTING:
        return importlib.import_module(name)
