"""Fit -> tidy tables: CLR correlations, loadings, scores, cells, contrasts of cells, topics.

W is known up to rotation only; everything here is either invariant to it or given on the principal
axes that `Fit` stores. Most functions take a fit of topics as well.
"""

from engine.fitting.summarised import Bounded
from engine.fitting.vocabulary import Measure
from engine.summaries.cell_contrast import Contrast, contrast, label_counts
from engine.summaries.clr_of_cells import cell_clr, cell_clr_sd
from engine.summaries.compare import (
    CellValues,
    Correlations,
    Quantity,
    Similarity,
    cell_values,
    changed_pairs,
    common_genes,
    correlations,
    loading_cosines,
    matched,
    quantities,
)
from engine.summaries.correlation import (
    closure_correlation,
    clr_correlation,
    clr_covariance,
    clr_variance,
    correlation_with,
    top_variance_genes,
)
from engine.summaries.correlation_intervals import clr_correlation_interval
from engine.summaries.labels_explain import (
    LABEL_ADVICE,
    label_parts,
    label_shares,
    label_words,
    telling_labels,
)
from engine.summaries.loading_tables import (
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
from engine.summaries.methods import methods_text
from engine.summaries.positions import gene_positions, named_as, with_ids
from engine.summaries.residual_bound import (
    BOUND_MEANS,
    bound_words,
    genes_at_bound,
)
from engine.summaries.topics import (
    RELEVANCE,
    distinctiveness,
    measures,
    ranking,
)
from engine.summaries.topics_cells import (
    LabelMeans,
    grouping_columns,
    label_means,
    structure,
    top_cells,
)
from engine.summaries.topics_map import Placement, topic_distances, topic_placement
from engine.summaries.topics_match import (
    Match,
    best_matches,
    common_cells,
    match,
    shared_genes,
    top_genes,
)

__all__ = [
    "BOUND_MEANS",
    "LABEL_ADVICE",
    "RELEVANCE",
    "Bounded",
    "CellValues",
    "Contrast",
    "Correlations",
    "LabelMeans",
    "Match",
    "Measure",
    "Placement",
    "Quantity",
    "Similarity",
    "best_matches",
    "bound_words",
    "cell_clr",
    "cell_clr_sd",
    "cell_values",
    "changed_pairs",
    "closure_correlation",
    "clr_correlation",
    "clr_correlation_interval",
    "clr_covariance",
    "clr_variance",
    "common_cells",
    "common_genes",
    "contrast",
    "coordinates",
    "correlation_with",
    "correlations",
    "distinctiveness",
    "explained_variance",
    "factor_genes",
    "factor_scores",
    "factor_shares",
    "gene_loadings",
    "gene_positions",
    "gene_shares",
    "genes_at_bound",
    "grouping_columns",
    "label_counts",
    "label_means",
    "label_parts",
    "label_shares",
    "label_words",
    "loading_cosines",
    "loadings",
    "match",
    "matched",
    "measures",
    "methods_text",
    "named_as",
    "programme_genes",
    "quantities",
    "ranking",
    "scores",
    "shared_genes",
    "structure",
    "telling_labels",
    "top_cells",
    "top_genes",
    "top_variance_genes",
    "topic_distances",
    "topic_placement",
    "weights",
    "with_ids",
]
