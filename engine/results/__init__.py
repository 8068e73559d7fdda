"""Fit: what a model learned, in memory and in a file."""

from engine.results.fit import FORMAT, OTHER, Capture, Fit, State, Status, Totals, stopped_by_user
from engine.results.outline import Outline, outline
from engine.results.reading import AnyFit, load, load_counts
from engine.results.topics import TopicFit

__all__ = [
    "FORMAT",
    "OTHER",
    "AnyFit",
    "Capture",
    "Fit",
    "Outline",
    "State",
    "Status",
    "TopicFit",
    "Totals",
    "load",
    "load_counts",
    "outline",
    "stopped_by_user",
]
