"""Counts as they are kept: read by a process of its own, checked, and laid in row order."""

from engine.store.counts_store import CountsStore

__all__ = ["CountsStore"]
