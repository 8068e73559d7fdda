"""Place new cells under a fitted model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.data import Counts
from engine.errors import DataError
from engine.inference.compilation import keep_compilations
from engine.inference.laplace import integral_for
from engine.inference.passes import Passes
from engine.inference.snapshot import cell_fields
from engine.inference.totals import capture
from engine.models import lnm
from engine.models.poisson_lognormal import LOG_NO_NOISE
from engine.results import Fit


def transform(fit: Fit, counts: Counts) -> Fit:
    """The fit with other cells: their factor scores, marginals and capture efficiencies.

    Parameters
    ----------
    counts
        Read with the genes of the fit, in any order:
        ``read_counts(source, genes=fit.genes)``.

    Raises
    ------
    DataError
        If the counts have other features than the fit.
    """
    position = counts.genes.get_indexer(fit.genes)
    missing = fit.genes[position < 0]
    if len(missing) or len(fit.genes) != counts.n_genes:
        raise DataError(
            f"the {len(fit.genes):,} features of the fit",
            f"{counts.n_genes:,} features, {len(missing):,} of the fit's missing"
            + (f" ({', '.join(missing[:5])})" if len(missing) else ""),
            "Read the counts with genes=fit.genes.",
        )
    keep_compilations()
    inverse = np.argsort(position)
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    params = lnm.Params(fit.mean_clr, fit.loadings, log_noise)
    params = lnm.Params(*(array[inverse] for array in params))
    passes = Passes(
        counts,
        fit.n_factors,
        fit.config.precision,
        fit.config.block_cells,
        integral=integral_for(fit),
    )
    identity = np.eye(fit.n_factors)
    steps = passes.run(params, identity, None)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            seen = end.value
            break
    status = replace(fit.status, n_failed_cells=seen.n_failed_cells)
    own = capture(counts, fit.config, fit.totals)
    return replace(fit, **cell_fields(counts, seen, identity, own, status))
