"""Estimates of one number for each of many genes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimates(NamedTuple):
    """Estimates and errors of n genes.

    Attributes
    ----------
    value, error
        (n,) estimates and their standard errors, nats.
    freedom
        Degrees of freedom of the errors; infinite where they are known.
    independent
        Effective number of independent estimates, as a share of n: below 1 if their errors are
        correlated.
    """

    value: np.ndarray
    error: np.ndarray
    freedom: float
    independent: float = 1.0
