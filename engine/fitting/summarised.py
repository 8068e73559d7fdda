"""Types and helpers of the summaries of all models."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd


def next_best(values: np.ndarray) -> np.ndarray:
    """(G, K) largest value of the row in any other column; of one column, itself."""
    if values.shape[1] < 2:
        return values
    best = values.argmax(1)
    second, first = np.partition(values, -2, axis=1)[:, -2:].T
    others = np.repeat(first[:, None], values.shape[1], 1)
    others[np.arange(len(values)), best] = second
    return others


class Bounded(NamedTuple):
    """Genes at the bound: their names, the number of genes that have a residual, the bound."""

    genes: pd.Index
    n_genes: int
    bound: float


class CellResiduals(NamedTuple):
    """Residuals of chosen cells and genes, each array (cells, genes).

    ``mode`` has the mean residual of the cell's features taken off; ``shrinkage`` is
    ``1 / (1 + t)``, the share of a change of the factors' part that the residual does not undo;
    ``variance`` is that of the centred residual given z.
    """

    mode: np.ndarray
    variance: np.ndarray
    shrinkage: np.ndarray
