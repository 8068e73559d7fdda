"""Steps that the two optimisations of topics report to their driver."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.fitting.steps import Step


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


# A step, or the share of the pass being made.
Event = Step[Learned] | float
