"""Selected cells against the rest, by the factors of a fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.fitting.model import FittedModel
from engine.per_fit import per_fit

# Cells at a time in double precision.
_BLOCK = 16_384


class _Totals(NamedTuple):
    sum: np.ndarray
    products: np.ndarray
    variance: np.ndarray


def contrast(fit: FittedModel, mask: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of factors and of genes, see `engine.summaries.contrast`.

    Parameters
    ----------
    mask
        (C,) of the selected cells, with at least one cell on either side.
    """
    n_all, n_selected = len(mask), int(np.count_nonzero(mask))
    totals = _totals(fit)
    # The smaller side is added up, the other is what remains.
    smaller = 2 * n_selected <= n_all
    part = fit.cell_weights()[np.flatnonzero(mask if smaller else ~mask)].astype(np.float64)
    n_part, of_part = len(part), part.sum(0)
    mean_part = of_part / n_part
    mean_rest = (totals.sum - of_part) / (n_all - n_part)
    within = totals.products - n_part * np.outer(mean_part, mean_part)
    within -= (n_all - n_part) * np.outer(mean_rest, mean_rest)
    covariance = within / max(n_all - 2, 1) + np.diag(totals.variance)
    change = (mean_part - mean_rest) * (1 if smaller else -1)

    table = pd.DataFrame(fit.gene_loadings(), fit.genes, fit.factor_names)[fit.is_gene]
    weights = table.to_numpy()
    variance = np.einsum("gj,jk,gk->g", weights, covariance, weights, optimize=True)
    genes = _effects(weights @ change, variance, table.index)
    factors = _effects(change, np.diag(covariance), table.columns)
    order = np.argsort(-np.abs(genes["effect"].to_numpy()), kind="stable")
    return factors, genes.iloc[order]


@per_fit
def _totals(fit: FittedModel) -> _Totals:
    width = fit.n_factors
    total, products, squares = np.zeros(width), np.zeros((width, width)), np.zeros(width)
    weights, sds = fit.cell_weights(), fit.cell_weights_sd()
    for start in range(0, len(weights), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = weights[block].astype(np.float64)
        total += scores.sum(0)
        products += scores.T @ scores
        if sds is not None:
            sd = sds[block].astype(np.float64)
            squares += np.einsum("cj,cj->j", sd, sd)
    return _Totals(total, products, squares / len(weights))


def _effects(difference: np.ndarray, variance: np.ndarray, index: pd.Index) -> pd.DataFrame:
    scale = np.sqrt(np.maximum(variance, 0))
    effect = np.divide(difference, scale, out=np.zeros_like(difference), where=scale > 0)
    return pd.DataFrame({"difference": difference, "effect": effect}, index=index)
