"""Level: what the counts of a set of cells say of each gene."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Level(NamedTuple):
    """Of one set of cells.

    Attributes
    ----------
    level
        (G,) nats beyond the mean of the fit, up to one constant.
    counting_variance
        (G,) of the level, by the counts and residuals of the gene.
    spread
        (k, k) covariance of the scores over the cells.
    n_cells
        How many they are.
    """

    level: np.ndarray
    counting_variance: np.ndarray
    spread: np.ndarray
    n_cells: int
