"""Steps that optimisations of a posterior report to their driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.data import Counts
from engine.fitting.status import State


@dataclass(frozen=True)
class Step[L]:
    """One step of a running fit.

    Attributes
    ----------
    counts
        The cells of what ``learn`` returns: a subsample at first, if there are many.
    value
        The objective, nats per cell.
    learn
        Returns the estimates so far; may place the cells first.
    passes_left
        An estimate; NaN while there is none.
    """

    phase: str
    counts: Counts
    value: float
    learn: Callable[[], L]
    passes_left: float


End = tuple[State, str]
