"""latent_differences: factors or topics of one group of cells against another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import pandas as pd

from engine.comparing import moderated
from engine.comparing.differences import differences_iter
from engine.comparing.groups import Groups, groups_of
from engine.comparing.latents_table import latents_table, units_table
from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.estimates import Estimates
from engine.registry import family_of
from engine.results import AnyFit

# Totals of saved counts are sums of float32.
_SAME_TOTAL = 0.5
_SHARES = (
    "Differences are of the logarithms of mean proportions, each less the mean over topics: what "
    "one topic gains, the others lose."
)


@dataclass(frozen=True, eq=False)
class LatentDifferences:
    """Group A less group B.

    Attributes
    ----------
    latents
        One row a factor or topic: ``difference``, of factors of the mean scores (prior standard
        deviations), of topics of the CLR of the mean proportions (nats); ``standard_error``,
        ``shrunken`` with its 90 % interval, ``lfsr``, ``s_value``, ``p_value``; ``mean_a``,
        ``mean_b``, mean scores or proportions; of factors of a fit with covariates ``explained``,
        the part of the difference that these explain.
    units
        One row a donor of a group, or a group: ``group``, ``donor``, ``cells``, and its mean score
        or proportion of each latent.
    unit
        ``"cell"`` or ``"donor"``: whose spread gives the errors.
    n_a, n_b
        Units of each group.
    notes
        What was left out or not tested, and why.
    """

    latents: pd.DataFrame
    units: pd.DataFrame
    unit: Literal["cell", "donor"]
    n_a: int
    n_b: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LatentDifferencesProgress:
    """A step: the share of the work done; the last step has the result."""

    fraction: float
    differences: LatentDifferences | None = None


def latent_differences(
    fit: AnyFit,
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    donor: str | None = None,
    data_driven: bool = False,
) -> LatentDifferences:
    """Compare factors or topics of two groups of cells; see `latent_differences_iter`."""
    *_, last = latent_differences_iter(fit, counts, a, b, donor=donor, data_driven=data_driven)
    if last.differences is None:
        raise RuntimeError("the last step has the result")
    return last.differences


def latent_differences_iter(
    fit: AnyFit,
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    donor: str | None = None,
    data_driven: bool = False,
) -> Iterator[LatentDifferencesProgress]:
    """Compare factors or topics of two groups of cells, yielding progress.

    For factors, the mean scores of each group, or of each donor in it, are estimated from its
    levels of genes (`engine.differences`): they are not shrunk as scores of cells are, and include
    what the covariates of the fit explain. For topics, the proportions of the cells are averaged,
    with one cell of equal shares added, and their CLR is taken; errors over cells are by the delta
    method. With donors, differences are tested by a t, moderated if there are 30 latents or more.

    Parameters
    ----------
    counts
        Of the fit's genes, matched by name.
    a, b
        (C,) masks of cells of ``counts``; b None: all that are not in a.
    donor
        A column of ``counts.obs``: the donor of each cell, which is then the unit.
    data_driven
        Whether the groups were found in these counts: effects then have no errors.

    Raises
    ------
    ConfigError
        If the model has neither levels of genes nor topics, the groups share cells or are too
        small, or there is no such column of donors.
    """
    if fit.can("differences"):
        return _of_factors(fit, counts, a, b, donor, data_driven)
    if not fit.can("mixtures"):
        raise ConfigError(
            "a fit of LNM, LNMVCP or LDA", fit.model, "Compare groups under one of these."
        )
    counts = counts.matched(fit.genes, fit.gene_ids)
    return _of_topics(fit, counts, groups_of(counts, a, b, donor, data_driven=data_driven))


def _of_factors(
    fit: AnyFit,
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None,
    donor: str | None,
    data_driven: bool,
) -> Iterator[LatentDifferencesProgress]:
    for step in differences_iter(fit, counts, a, b, donor=donor, data_driven=data_driven):
        result = step.differences
        if result is None:
            yield LatentDifferencesProgress(step.fraction)
        else:
            own = result.factors, result.units, result.unit, result.n_a, result.n_b, result.notes
            yield LatentDifferencesProgress(1.0, LatentDifferences(*own))


def _of_topics(fit: AnyFit, counts: Counts, groups: Groups) -> Iterator[LatentDifferencesProgress]:
    yield LatentDifferencesProgress(0.0)
    shares = _proportions(fit, counts, np.concatenate(groups.sets))
    parts = np.split(shares, np.cumsum([len(cells) for cells in groups.sets])[:-1])
    means = np.stack([part.mean(0) for part in parts], axis=1)
    even = 1 / fit.n_factors
    filled = np.stack([(part.sum(0) + even) / (len(part) + 1) for part in parts], axis=1)
    logs = np.log(filled)
    ratios = logs - logs.mean(0)
    one, other = ratios[:, groups.of_a], ratios[:, groups.of_b]
    if groups.by_donor or not groups.tested:
        estimates = moderated.between(one, other, groups)
    else:
        slopes = [(np.eye(len(f)) - even) / f for f in filled.T]
        variance = sum(
            np.einsum("ij,jk,ik->i", slope, np.cov(part.T, ddof=1) / len(part), slope)
            for slope, part in zip(slopes, parts, strict=True)
        )
        estimates = Estimates((one - other)[:, 0], np.sqrt(cast("np.ndarray", variance)), np.inf)
    yield LatentDifferencesProgress(
        1.0,
        LatentDifferences(
            latents_table(fit, estimates, means, groups),
            units_table(fit, means, groups),
            groups.unit,
            *groups.sizes,
            (*groups.notes, _SHARES),
        ),
    )


def _proportions(fit: AnyFit, counts: Counts, cells: np.ndarray) -> np.ndarray:
    """(n, K) proportions of cells: those of the fit, if these are its counts."""
    positions = fit.cells.get_indexer(counts.cells[cells])
    known = bool((positions >= 0).all()) and bool(
        (np.abs(fit.total_counts[positions] - counts.totals[cells]) < _SAME_TOTAL).all()
    )
    if known:
        return np.asarray(fit.cell_weights()[positions], float)
    return family_of(fit).mixtures(fit, counts.take(cells))
