"""What the two ways to fit topics tell their driver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.data import Counts
from engine.results import State


@dataclass(frozen=True)
class Learned:
    """Logistic-normal posteriors ``softmax(N(location, scale^2))``; scale 0 is a point estimate.

    Attributes
    ----------
    topic_location, topic_scale
        (K, F) of each topic's feature probabilities.
    location, scale
        (C, K) of each cell's proportions.
    bound
        (C,) `TopicFit.bound`, nats.
    encoder
        Named arrays of the encoder; empty without one.
    """

    topic_location: np.ndarray
    topic_scale: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    bound: np.ndarray
    encoder: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One piece of news of a running fit.

    Attributes
    ----------
    counts
        The cells that ``learn`` speaks of: a subsample at first, if there are many.
    value
        The objective, nats per cell.
    learn
        What has been learned so far; may place the cells first.
    passes_left
        An estimate; NaN while there is none.
    """

    phase: str
    counts: Counts
    value: float
    learn: Callable[[], Learned]
    passes_left: float


# A step, or the share of the pass being made.
Event = Step | float
End = tuple[State, str]
