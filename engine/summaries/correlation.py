"""Covariance and correlation of CLR coordinates under the model.

``Sigma_clr = H Sigma_alr H'`` with ``H = I - 11'/G``, written out so that no G x G array is built
(Aitchison 1986). All of it is invariant to the rotation that W is known up to.

For topics, which have no closed form, the covariance is that of the proportions of features in a
sample of the cells of the fit (`engine.lda.mixtures`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from engine.results import AnyFit
from engine.summaries.positions import gene_positions


def clr_variance(fit: AnyFit) -> pd.Series:
    """CLR variance of each real gene, ``|w_g|^2 + d_g (1 - 2/G) + sum(d)/G^2``."""
    return pd.Series(fit.clr_variance(), index=fit.genes, name="clr_variance")[fit.is_gene]


def top_variance_genes(fit: AnyFit, n: int = 100) -> pd.Index:
    """The n real genes of largest CLR variance, largest first."""
    return clr_variance(fit).nlargest(n).index


def clr_covariance(fit: AnyFit, genes: Iterable[str] | None = None) -> pd.DataFrame:
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
    index = gene_positions(fit, genes)
    names = fit.genes[index]
    return pd.DataFrame(fit.clr_covariance(index, index), index=names, columns=names)


def clr_correlation(fit: AnyFit, genes: Iterable[str] | None = None) -> pd.DataFrame:
    """Model correlation of CLR coordinates, genes x genes; see `clr_covariance`.

    The correlations of a gene that does not vary are 0.
    """
    covariance = clr_covariance(fit, genes)
    values = covariance.to_numpy()
    scale = _scale(np.diag(values))
    correlation = np.clip(values / np.outer(scale, scale), -1, 1)
    np.fill_diagonal(correlation, 1)
    return pd.DataFrame(correlation, index=covariance.index, columns=covariance.columns)


def closure_correlation(fit: AnyFit, genes: Iterable[str] | None = None) -> pd.DataFrame:
    """CLR correlation of genes by the closure alone: that of the fit without its loadings.

    All coordinates are relative to the mean of all features (``W = 0`` in `clr_covariance`), so
    independent genes correlate a little.
    """
    return clr_correlation(fit.changed(loadings=np.zeros_like(fit.gene_loadings())), genes)


def correlation_with(fit: AnyFit, gene: str) -> pd.Series:
    """CLR correlation of one gene with every other real gene, strongest first; O(G k).

    ``Sigma[i, g] = w_i . w_g - (d_i + d_g)/G + sum(d)/G^2``, divided by both standard deviations;
    see `clr_covariance`.

    Returns
    -------
    Correlations by gene, sorted by absolute value, without the gene itself.

    Raises
    ------
    DataError
        If the gene is not among the modelled genes.
    """
    (position,) = gene_positions(fit, [gene])
    covariance = fit.clr_covariance_with(position)
    scale = _scale(fit.clr_variance())
    values = np.clip(covariance / (scale * scale[position]), -1, 1)
    others = fit.is_gene
    others[position] = False
    correlations = pd.Series(values, index=fit.genes, name=gene)[others]
    return correlations.sort_values(key=np.abs, ascending=False, kind="stable")


def correlation_block(fit: AnyFit, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(rows, columns) CLR correlations of the genes at two sets of positions in ``fit.genes``.

    Any part of `clr_correlation`, at a cost of O(len(rows) len(columns) k).
    """
    scale = _scale(fit.clr_variance())
    covariance = fit.clr_covariance(rows, columns)
    correlation = np.clip(covariance / np.outer(scale[rows], scale[columns]), -1, 1)
    correlation[rows[:, None] == columns[None, :]] = 1
    return np.asarray(correlation)


def _scale(variance: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.maximum(variance, 0))
    scale[scale == 0] = np.inf
    return scale
