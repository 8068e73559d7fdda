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
    """

    value: np.ndarray
    error: np.ndarray
    freedom: float
