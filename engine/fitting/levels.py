"""Level: the level of each gene in a set of cells, estimated from their counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Level(NamedTuple):
    """Levels of the genes in one set of cells.

    Attributes
    ----------
    level
        (G,) nats beyond the mean of the fit, up to one constant.
    explained
        (G,) part of it that the covariates of the cells explain; zero without.
    counting_variance
        (G,) variance of the level that the counts and residuals of the gene cause.
    axes
        (G, k + p) loadings, and effects of the covariates.
    spread
        (k + p, k + p) covariance of scores and covariates over the cells.
    n_cells
        Number of cells.
    """

    level: np.ndarray
    explained: np.ndarray
    counting_variance: np.ndarray
    axes: np.ndarray
    spread: np.ndarray
    n_cells: int
