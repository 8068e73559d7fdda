"""Fit -> tidy tables: CLR correlations, loadings, factor scores, cells, contrasts of cells.

W is known up to rotation only; everything here is either invariant to it or given on
the principal axes that `Fit` stores.
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
    explained_variance,
    factor_genes,
    factor_scores,
    loadings,
    programme_genes,
)

__all__ = [
    "Contrast",
    "cell_clr",
    "cell_clr_sd",
    "clr_correlation",
    "clr_covariance",
    "clr_variance",
    "contrast",
    "correlation_with",
    "explained_variance",
    "factor_genes",
    "factor_scores",
    "label_counts",
    "loadings",
    "programme_genes",
    "top_variance_genes",
]
