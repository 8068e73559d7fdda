"""Loadings and scores on the principal axes that `Fit` stores."""

from __future__ import annotations

import pandas as pd

from engine.errors import DataError
from engine.results import Fit


def loadings(fit: Fit) -> pd.DataFrame:
    """CLR loadings on their principal axes, real genes x factors."""
    table = pd.DataFrame(fit.loadings, index=fit.genes, columns=fit.factor_names)
    return table[fit.is_gene]


def explained_variance(fit: Fit) -> pd.Series:
    """Share of the total CLR variance of the modelled features that each factor carries."""
    count = len(fit.genes)
    total = (fit.loadings**2).sum() + fit.noise.sum() * (1 - 1 / count)
    shares = (fit.loadings**2).sum(0) / total
    return pd.Series(shares, index=fit.factor_names, name="explained_variance")


def factor_scores(fit: Fit) -> pd.DataFrame:
    """Posterior modes of z, cells x factors, in prior standard deviations."""
    return pd.DataFrame(fit.scores, index=fit.cells, columns=fit.factor_names)


def programme_genes(fit: Fit, n: int = 100) -> pd.Index:
    """The n real genes with the largest CLR variance carried by the factors, ``|w_g|^2``.

    Residual variance is left out: it is largest for rarely seen genes, which move with none.
    """
    return (loadings(fit) ** 2).sum(axis=1).nlargest(n).index


def factor_genes(fit: Fit, factor: int, n: int = 100) -> pd.Index:
    """The n real genes with the largest absolute loading on one factor, largest first.

    Parameters
    ----------
    factor
        Position, from 0.

    Raises
    ------
    DataError
        If there is no such factor.
    """
    if not 0 <= factor < fit.n_factors:
        raise DataError(
            f"a factor from 0 to {fit.n_factors - 1}", str(factor), "Choose one of this fit."
        )
    return loadings(fit).iloc[:, factor].abs().nlargest(n).index
