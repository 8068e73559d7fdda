"""Fit: what a model learned, in memory and in a file."""

from engine.fitting.saved import FORMAT
from engine.fitting.status import State, Status, stopped_by_user
from engine.genes import OTHER
from engine.lda.fit import TopicFit
from engine.lnm.fit import Capture, Fit, Totals
from engine.registry import AnyFit
from engine.results.outline import Outline, outline
from engine.results.reading import load, load_counts
from engine.results.selection import (
    Selection,
    Tried,
    requested_config,
    selection_of,
    with_selection,
)

__all__ = [
    "FORMAT",
    "OTHER",
    "AnyFit",
    "Capture",
    "Fit",
    "Outline",
    "Selection",
    "State",
    "Status",
    "TopicFit",
    "Totals",
    "Tried",
    "load",
    "load_counts",
    "outline",
    "requested_config",
    "selection_of",
    "stopped_by_user",
    "with_selection",
]
