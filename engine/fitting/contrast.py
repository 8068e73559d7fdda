"""Contrast of selected cells with the rest, by the factors and any covariates of a fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.fitting.fit_protocol import FittedModel
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
    # Sum over the smaller side; the other sum is the total less this one.
    smaller = 2 * n_selected <= n_all
    part = _scores_and_covariates(fit, np.flatnonzero(mask if smaller else ~mask))
    n_part, of_part = len(part), part.sum(0)
    mean_part = of_part / n_part
    mean_rest = (totals.sum - of_part) / (n_all - n_part)
    within = totals.products - n_part * np.outer(mean_part, mean_part)
    within -= (n_all - n_part) * np.outer(mean_rest, mean_rest)
    covariance = within / max(n_all - 2, 1) + np.diag(totals.variance)
    change = (mean_part - mean_rest) * (1 if smaller else -1)

    weights = np.hstack([fit.gene_loadings(), fit.effects_of_covariates()])[fit.is_gene]
    variance = np.einsum("gj,jk,gk->g", weights, covariance, weights, optimize=True)
    genes = _effects(weights @ change, variance, fit.genes[fit.is_gene])
    width = fit.n_factors
    names = pd.Index(fit.factor_names)
    factors = _effects(change[:width], np.diag(covariance)[:width], names)
    order = np.argsort(-np.abs(genes["effect"].to_numpy()), kind="stable")
    return factors, genes.iloc[order]


@per_fit
def _totals(fit: FittedModel) -> _Totals:
    width = fit.n_factors + fit.effects_of_covariates().shape[1]
    total, products, squares = np.zeros(width), np.zeros((width, width)), np.zeros(width)
    weights, sds = fit.cell_weights(), fit.cell_weights_sd()
    for start in range(0, len(weights), _BLOCK):
        block = slice(start, start + _BLOCK)
        values = _scores_and_covariates(fit, block)
        total += values.sum(0)
        products += values.T @ values
        if sds is not None:
            sd = sds[block].astype(np.float64)
            squares[: fit.n_factors] += np.einsum("cj,cj->j", sd, sd)
    return _Totals(total, products, squares / len(weights))


def _scores_and_covariates(fit: FittedModel, cells: np.ndarray | slice) -> np.ndarray:
    """(cells, k + p) scores and covariates."""
    scores = fit.cell_weights()[cells].astype(np.float64)
    return np.hstack([scores, fit.covariates()[cells]])


def _effects(difference: np.ndarray, variance: np.ndarray, index: pd.Index) -> pd.DataFrame:
    scale = np.sqrt(np.maximum(variance, 0))
    effect = np.divide(difference, scale, out=np.zeros_like(difference), where=scale > 0)
    return pd.DataFrame({"difference": difference, "effect": effect}, index=index)
