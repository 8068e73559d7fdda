"""Fit -> tidy tables: CLR correlations, loadings, factor scores.

W is known up to rotation only; everything here is either invariant to it or given on
the principal axes that `Fit` stores. Source of the formulas: Aitchison (1986), and
Sigma_clr = H Sigma_alr H' with H = I - 11'/G written out so that no G x G array is built.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.results import Fit


def clr_variance(fit: Fit) -> pd.Series:
    """CLR variance of each real gene, ``|w_g|^2 + d_g (1 - 2/G) + sum(d)/G^2``."""
    count = len(fit.genes)
    noise = fit.noise
    variance = (fit.loadings**2).sum(1) + noise * (1 - 2 / count) + noise.sum() / count**2
    return pd.Series(variance, index=fit.genes, name="clr_variance")[fit.is_gene]


def top_variance_genes(fit: Fit, n: int = 100) -> pd.Index:
    """The n real genes of largest CLR variance, largest first."""
    return clr_variance(fit).nlargest(n).index


def programme_genes(fit: Fit, n: int = 100) -> pd.Index:
    """The n real genes with the largest CLR variance carried by the factors, ``|w_g|^2``.

    Residual variance is left out: it is largest for rarely seen genes, which move with none.
    """
    return (loadings(fit) ** 2).sum(axis=1).nlargest(n).index


def clr_covariance(fit: Fit, genes: Iterable[str] | None = None) -> pd.DataFrame:
    """Model covariance of CLR coordinates, genes x genes.

    ``Sigma[i, j] = w_i . w_j + delta_ij d_i - (d_i + d_j)/G + sum(d)/G^2``.

    Parameters
    ----------
    genes
        Names, in the order wanted; all real genes by default. Costs O(len(genes)^2 k).

    Raises
    ------
    DataError
        If a name is not among the modelled genes.
    """
    index = _positions(fit, genes)
    count = len(fit.genes)
    loadings, noise = fit.loadings[index], fit.noise[index]
    covariance = loadings @ loadings.T
    covariance -= (noise[:, None] + noise[None, :]) / count
    covariance += fit.noise.sum() / count**2
    covariance[np.diag_indices(len(index))] += noise
    names = fit.genes[index]
    return pd.DataFrame(covariance, index=names, columns=names)


def clr_correlation(fit: Fit, genes: Iterable[str] | None = None) -> pd.DataFrame:
    """Model correlation of CLR coordinates, genes x genes; see `clr_covariance`.

    A gene that does not vary at all correlates with none.
    """
    covariance = clr_covariance(fit, genes)
    values = covariance.to_numpy()
    scale = np.sqrt(np.maximum(np.diag(values), 0))
    scale[scale == 0] = np.inf
    correlation = np.clip(values / np.outer(scale, scale), -1, 1)
    np.fill_diagonal(correlation, 1)
    return pd.DataFrame(correlation, index=covariance.index, columns=covariance.columns)


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


def _positions(fit: Fit, genes: Iterable[str] | None) -> np.ndarray:
    if genes is None:
        return np.flatnonzero(fit.is_gene)
    names = list(genes)
    index = fit.genes.get_indexer(pd.Index(names))
    missing = [name for name, position in zip(names, index, strict=True) if position < 0]
    if missing:
        raise DataError(
            "genes of this fit",
            f"{len(missing)} unknown ({', '.join(map(str, missing[:5]))})",
            "Use names from fit.genes; genes that were pooled have no row of their own.",
        )
    return index
