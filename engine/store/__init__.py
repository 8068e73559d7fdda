"""Store of imported counts: read by a separate process, checked, and written in row order."""

from engine.store.counts_store import CountsStore

__all__ = ["CountsStore"]
