"""Fit -> tidy tables: CLR correlations, loadings, factor scores, cells, contrasts of cells.

W is known up to rotation only; everything here is either invariant to it or given on
the principal axes that `Fit` stores. Most of it takes a fit of topics as well.
"""

from engine.summaries.cells import cell_clr, cell_clr_sd
from engine.summaries.contrast import Contrast, contrast, label_counts
from engine.summaries.correlation import (
    clr_correlation,
    clr_covariance,
    clr_variance,
    correlation_with,
    top_variance_genes,
)
from engine.summaries.loadings import (
    coordinates,
    explained_variance,
    factor_genes,
    factor_scores,
    factor_shares,
    gene_loadings,
    gene_shares,
    loadings,
    programme_genes,
    scores,
    weights,
)

__all__ = [
    "Contrast",
    "cell_clr",
    "cell_clr_sd",
    "clr_correlation",
    "clr_covariance",
    "clr_variance",
    "contrast",
    "coordinates",
    "correlation_with",
    "explained_variance",
    "factor_genes",
    "factor_scores",
    "factor_shares",
    "gene_loadings",
    "gene_shares",
    "label_counts",
    "loadings",
    "programme_genes",
    "scores",
    "top_variance_genes",
    "weights",
]
