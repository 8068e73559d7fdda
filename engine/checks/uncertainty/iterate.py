"""uncertainty and uncertainty_iter: the delta method, one pass over the cells."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from engine.checks.beyond_factors import residual_structure
from engine.checks.structure_finding import structure_of
from engine.checks.uncertainty.draws import Draws
from engine.checks.uncertainty.gene_blocks import gene_blocks
from engine.checks.uncertainty.information import information
from engine.checks.uncertainty.result import Uncertainty
from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.fitting.compilation import keep_compilations
from engine.results import AnyFit

if TYPE_CHECKING:
    from engine.results import Fit


@dataclass(frozen=True)
class UncertaintyProgress[T]:
    """A step: the share of the work done, and the result so far, or None."""

    fraction: float
    uncertainty: T | None = None


def uncertainty(fit: AnyFit, counts: Counts) -> Uncertainty:
    """Uncertainty of correlations and loadings by the delta method; see `uncertainty_iter`.

    Also tests for structure beyond the factors (`residual_structure`), unless the fit has the
    result: errors contain the correlation that factors miss, and no pair is claimed if counts drawn
    without factors look the same.

    Warns
    -----
    UserWarning
        With the words of that test, if it finds structure beyond the factors, or no structure at
        all. Errors do not show which pairs a fit misses.
    """
    *_, last = uncertainty_iter(fit, counts)
    return completed(last.uncertainty, fit, counts)


def completed(result: Uncertainty | None, fit: AnyFit, counts: Counts) -> Uncertainty:
    """Add the test for structure beyond the factors, unless it is known, and warn of its words."""
    if result is None:
        raise RuntimeError("the last step has the result")
    if result.structure is None or result.structure.unmeasured:
        # Errors are valid without the test, for which genes or cells may be too few.
        with suppress(DataError):
            result = replace(result, structure=residual_structure(fit, counts))
    if result.structure is not None and result.structure.words:
        warnings.warn(result.structure.words, stacklevel=3)
    return result


def uncertainty_iter(fit: AnyFit, counts: Counts) -> Iterator[UncertaintyProgress[Uncertainty]]:
    """Compute the uncertainty of an LNM by the delta method, yielding progress.

    For a fit by ``inference="nuts"`` that saves draws, uncertainty is taken from these instead.

    One pass over the cells sums the information on each gene's loadings and log d, less what is
    missing because scores are unknown (`information`). Its inverse with the prior of the fit, and
    with what all genes share because the cells are a sample (`gene_blocks`), gives the standard
    error of any correlation (`delta_method`).

    The correlation that factors miss is added as a random effect of each pair, whose size depends
    on both genes (`missed_sizes`), if the test for it was made (`Uncertainty.structure`).

    Errors leave out that each gene's block holds the other genes fixed but for that shared part,
    that the priors were estimated, and that other genes or another optimum give other correlations.
    `bootstrap_iter` leaves out only the last of these.

    Parameters
    ----------
    counts
        The cells of the fit; genes matched by name.

    Raises
    ------
    ConfigError
        If the fit is a topic model.
    DataError
        If the counts lack genes of the fit, or no cell has counts of them.
    """
    if not fit.can("pair_uncertainty"):
        raise ConfigError(
            "an LNM or LNMVCP for the delta method", fit.model, "Use the bootstrap instead."
        )
    pairs = cast("Fit", fit)
    if pairs.draws:
        draws = Draws(pairs.draws["loadings"], pairs.draws["noise"])
        known = structure_of(fit)
        result = Uncertainty(pairs.loadings, pairs.noise, draws, fit.status.passes, known)
        return iter([UncertaintyProgress(1.0, result)])
    return _steps(pairs, own_counts(fit, counts))


def own_counts(fit: AnyFit, counts: Counts) -> Counts:
    """The cells with counts, over the features of the fit; DataError if there are none."""
    matched = counts.matched(fit.genes, fit.gene_ids)
    counted = matched.totals > 0
    if not counted.any():
        raise DataError("counts of the fit's genes", "none in these cells", "Choose other cells.")
    return matched if counted.all() else matched.take(counted)


def _steps(fit: Fit, counts: Counts) -> Generator[UncertaintyProgress[Uncertainty], None, None]:
    keep_compilations()
    yield UncertaintyProgress(0.0)
    steps = information(fit, counts)
    while True:
        try:
            yield UncertaintyProgress(next(steps))
        except StopIteration as end:
            sums = end.value
            break
    blocks = gene_blocks(fit, sums)
    result = Uncertainty(fit.loadings, fit.noise, blocks, fit.status.passes, structure_of(fit))
    yield UncertaintyProgress(1.0, result)
