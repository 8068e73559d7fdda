"""Place new cells under a fitted model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.fitting.compilation import keep_compilations
from engine.fitting.entry import Kind, expect
from engine.lnm import equations
from engine.lnm.amortized import basis_of, place
from engine.lnm.covariates import covariates_of
from engine.lnm.fit import Fit
from engine.lnm.outer_steps import integral_for
from engine.lnm.passes import Passes, result_of
from engine.lnm.residual import LOG_NO_NOISE
from engine.lnm.snapshot import cell_fields
from engine.lnm.totals import capture

_KIND = Kind(
    Fit,
    "a fit of LNM or LNMVCP",
    "Fit an LNMConfig, or use engine.topic_proportions for cells under topics.",
)


def transform(fit: Fit, counts: Counts, *, refine: bool | None = None) -> Fit:
    """The fit with other cells: their factor scores, marginals and capture efficiencies.

    Parameters
    ----------
    counts
        Genes matched by name: ``read_counts(source, genes="all")`` has all available genes. Those
        outside the fit are pooled into its ``_other``, or left out if it has none.
    refine
        For a fit by ``inference="vae"``: False places cells by the encoder alone; True moves them
        to the mode of their own posterior, as a fit by ``"laplace"`` always does, and takes their
        capture efficiencies from it. None: as in the fit.

    Raises
    ------
    DataError
        If there are no cells, the counts lack genes of the fit, or a cell has none of their
        counts.
    ConfigError
        If the fit is one of topics, or cells are to be placed by an encoder that it lacks.
    """
    expect(fit, _KIND, counts)
    counts = counts.matched(fit.genes, fit.gene_ids)
    n_empty = int(np.sum(counts.totals == 0))
    if n_empty:
        raise DataError(
            "counts of the fit's genes in every cell",
            f"{n_empty:,} cells without",
            "Leave them out: counts = counts.matched(fit.genes, fit.gene_ids), then "
            "counts.take(counts.totals > 0).",
        )
    if refine is False and not fit.encoder:
        raise ConfigError(
            "a fit by inference='vae' to place cells without refining",
            f"one by {fit.config.inference!r}",
            "Leave refine out.",
        )
    keep_compilations()
    refine = fit.config.refine if refine is None else refine
    if fit.encoder:
        return _amortized(fit, counts, refine=refine)
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    params = equations.Params(fit.mean_clr, fit.loadings, log_noise)
    passes = Passes(
        counts,
        fit.n_factors,
        fit.config.precision,
        fit.config.block_cells,
        integral=integral_for(fit),
        covariates=covariates_of(fit.design, counts.obs),
    )
    identity = np.eye(fit.n_factors)
    effects = fit.effects if fit.effects.size else None
    cells_pass = result_of(passes.run(params, identity, None, effects))
    status = replace(fit.status, n_failed_cells=cells_pass.n_failed_cells)
    own = capture(counts, fit.config, fit.totals)
    return replace(fit, **cell_fields(counts, cells_pass, identity, own, status))


def _amortized(fit: Fit, counts: Counts, *, refine: bool) -> Fit:
    basis = basis_of(fit)
    known = basis, counts, fit.config, fit.encoder, fit.totals
    cells_pass, own = place(*known, refine=refine, covariates=covariates_of(fit.design, counts.obs))
    if refine:
        own = capture(counts, fit.config, fit.totals)
    status = replace(fit.status, n_failed_cells=cells_pass.n_failed_cells)
    fields = cell_fields(counts, cells_pass, basis.rotation, own, status)
    return replace(fit, config=replace(fit.config, refine=refine), **fields)
