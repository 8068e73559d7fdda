"""coefficients: what each covariate of a fit does to each gene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.checks.uncertainty.iterate import own_counts
from engine.comparing.effects_table import effects_table, largest_first
from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.compilation import keep_compilations
from engine.registry import family_of
from engine.results import AnyFit


@dataclass(frozen=True)
class CoefficientsProgress:
    """A step: the share of the work that is done, and at the last the table."""

    fraction: float
    table: pd.DataFrame | None = None


def coefficients(fit: AnyFit, counts: Counts) -> pd.DataFrame:
    """CLR effects of the fixed covariates of a fit; see `coefficients_iter`."""
    *_, last = coefficients_iter(fit, counts)
    if last.table is None:
        raise RuntimeError("the last step has the result")
    return last.table


def coefficients_iter(fit: AnyFit, counts: Counts) -> Iterator[CoefficientsProgress]:
    """CLR effects of the fixed covariates of a fit, yielding progress.

    One row a gene and column of the design: ``column``, ``term``, ``gene``, ``effect`` (nats for
    one unit of a numeric covariate, or for a level against the reference), ``standard_error``,
    ``shrunken`` with its 90 % interval, ``lfsr``, ``s_value``, ``p_value``; the largest at least
    first in each column. Errors are those of groups that nobody chose by these counts.

    Parameters
    ----------
    counts
        The cells of the fit; genes matched by name.

    Raises
    ------
    ConfigError
        If the fit has no covariates.
    """
    if not fit.can("covariates"):
        raise ConfigError(
            "a fit with covariates",
            "one without",
            'Fit with a formula: LNMConfig(formula="~ batch").',
        )
    return _steps(fit, own_counts(fit, counts))


def _steps(fit: AnyFit, counts: Counts) -> Iterator[CoefficientsProgress]:
    keep_compilations()
    yield CoefficientsProgress(0.0)
    steps = family_of(fit).effects(fit, counts)
    while True:
        try:
            yield CoefficientsProgress(next(steps))
        except StopIteration as end:
            found = end.value
            break
    names, parts = np.asarray(fit.genes[fit.is_gene]), []
    for label, term, estimates in found:
        own = estimates._replace(
            value=estimates.value[fit.is_gene], error=estimates.error[fit.is_gene]
        )
        table = effects_table(own, called="effect")
        table.insert(0, "column", label)
        table.insert(1, "term", term)
        table.insert(2, "gene", names)
        parts.append(largest_first(table, "effect"))
    yield CoefficientsProgress(1.0, pd.concat(parts, ignore_index=True))
