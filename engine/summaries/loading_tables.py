"""Loadings and scores on the principal axes that `Fit` stores, and their counterparts for topics.

For topics, a gene's log fold change against its mean over topics takes the place of a loading.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.results import AnyFit
from engine.summaries.positions import gene_positions


def loadings(fit: AnyFit) -> pd.DataFrame:
    """CLR loadings on their principal axes, real genes x factors; nats.

    Of topics, log fold changes against the gene's geometric mean over topics, see
    `engine.lda.mixtures.fold_changes`.
    """
    table = pd.DataFrame(fit.gene_loadings(), index=fit.genes, columns=fit.factor_names)
    return table[fit.is_gene]


def weights(fit: AnyFit) -> pd.DataFrame:
    """Weights that rank genes within a factor or topic, real genes x factors.

    For factors the loadings; for topics ``beta_gk log(beta_gk / mean)``, a gene's part in the
    divergence of the topic from the mean of all, which is near 0 for very rare genes, however large
    their fold changes.
    """
    return fit.gene_weights(loadings(fit))


def gene_loadings(fit: AnyFit, gene: str) -> pd.Series:
    """`loadings` of one gene, by factor or topic.

    Raises
    ------
    DataError
        If the gene is not among the modelled genes.
    """
    (place,) = gene_positions(fit, [gene])
    return pd.Series(fit.gene_loadings()[place], index=fit.factor_names, name=gene)


def factor_shares(fit: AnyFit) -> pd.Series:
    """Share of the CLR variance of each factor, or of all counts of each topic."""
    return pd.Series(fit.shares(), index=fit.factor_names, name=fit.vocabulary.share_column)


def gene_shares(fit: AnyFit) -> pd.Series:
    """Share of all counts that the topics give to each real gene."""
    shares = fit.programmes() @ fit.shares()
    return pd.Series(shares, index=fit.genes, name="share_of_counts")[fit.is_gene]


def explained_variance(fit: AnyFit) -> pd.Series:
    """Share of the total CLR variance of the modelled features that each factor carries."""
    return factor_shares(fit)


def factor_scores(fit: AnyFit) -> pd.DataFrame:
    """Posterior modes of z, cells x factors, in prior standard deviations; of topics, proportions.

    The table holds the fit's own array; do not change it.
    """
    return pd.DataFrame(scores(fit), index=fit.cells, columns=fit.factor_names)


def scores(fit: AnyFit) -> np.ndarray:
    """(C, k) posterior modes of z, or proportions of topics."""
    return fit.cell_weights()


def coordinates(fit: AnyFit) -> np.ndarray:
    """(C, k) coordinates in which similar cells are close: z, or log-ratios of the proportions."""
    return fit.coordinates()


def programme_genes(fit: AnyFit, n: int = 100) -> pd.Index:
    """The n real genes with the largest CLR variance carried by the factors, ``|w_g|^2``.

    Residual variance is left out: it is largest for rare genes, which correlate with none. For
    topics, the genes with most information on the topic of a count, see
    `engine.lda.mixtures.information`.
    """
    return fit.gene_information().nlargest(n).index


def factor_genes(fit: AnyFit, factor: int, n: int = 100) -> pd.Index:
    """The n real genes with the largest absolute loading on one factor, largest first.

    Of a topic, those of the largest `weights`.

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
    column = weights(fit).iloc[:, factor]
    return (column.abs() if fit.can("signs") else column).nlargest(n).index
