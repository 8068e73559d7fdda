"""Checks of a fit of topics that was read from a file, before it is shown."""

from __future__ import annotations

import numpy as np

from engine.fitting.checked import check_arrays, check_rest
from engine.lda.arrays import TopicArrays


def check_topics(fit: TopicArrays) -> None:
    """Refuse a fit of topics whose parts do not agree or are not finite; see `check_arrays`."""
    cells, genes = (len(fit.cells),), (len(fit.genes),)
    k = (fit.config.size,)
    of_genes = dict.fromkeys(("topics", "topic_location", "topic_scale"), genes + k)
    of_cells = dict.fromkeys(("proportions", "location", "scale"), cells + k)
    shapes = {**of_genes, **of_cells, "bound": cells, "total_counts": cells}
    least = dict.fromkeys(("topics", "topic_scale", "proportions", "scale", "total_counts"), 0.0)
    check_arrays({name: np.asarray(getattr(fit, name)) for name in shapes}, shapes, least)
    check_rest(fit)
