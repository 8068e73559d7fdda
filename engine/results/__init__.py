"""Fit: what a model learned, in memory and in a file."""

from engine.results.fit import FORMAT, OTHER, Capture, Fit, State, Status, Totals
from engine.results.reading import load, load_counts

__all__ = [
    "FORMAT",
    "OTHER",
    "Capture",
    "Fit",
    "State",
    "Status",
    "Totals",
    "load",
    "load_counts",
]
