"""Estimates of one number for each of many genes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimates(NamedTuple):
    """Of n genes.

    Attributes
    ----------
    value, error
        (n,) each, nats.
    freedom
        Degrees of freedom of the errors; infinite where they are known.
    independent
        As how many independent ones they tell of each other, as a share of n: below 1 if their
        errors are correlated.
    """

    value: np.ndarray
    error: np.ndarray
    freedom: float
    independent: float = 1.0
