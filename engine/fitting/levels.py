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
    explained
        (G,) part of it that is by the covariates of the cells; zero without.
    counting_variance
        (G,) of the level, by the counts and residuals of the gene.
    axes
        (G, k + p) loadings, and effects of the covariates.
    spread
        (k + p, k + p) covariance over the cells of what they are the axes of.
    n_cells
        How many they are.
    """

    level: np.ndarray
    explained: np.ndarray
    counting_variance: np.ndarray
    axes: np.ndarray
    spread: np.ndarray
    n_cells: int
