"""differences: genes and factors of one group of cells against another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd

from engine.comparing.effects_table import effects_table, largest_first
from engine.comparing.estimated import Centre, Estimated, estimated
from engine.comparing.groups import Groups, groups_of
from engine.comparing.latents_table import latents_table, units_table
from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.compilation import keep_compilations
from engine.fitting.levels import Level
from engine.registry import family_of
from engine.results import AnyFit

LEAST_DETECTION = 0.05
_ALIKE = (
    "Cells are the unit: what those of one {0} have in common, which this fit has as a random "
    "effect, is not in the errors. Take {0} as the unit."
)
_TOTAL = "Differences are total: what the covariates of the fit explain is in them."
_ADJUSTED = "What the covariates of the fit explain is taken out of the differences."
_NOTHING_LEFT = (
    "These covariates tell the groups apart, so that what the groups differ by is taken out as "
    "well: total differences have it."
)
# If covariates leave a smaller share of the variance of group membership, they explain it.
_UNEXPLAINED = 1e-6


@dataclass(frozen=True, eq=False)
class Differences:
    """Group A less group B.

    Attributes
    ----------
    genes
        One row a gene that is detected, sorted by the least size in the interval: ``difference`` of
        its CLR level (nats), ``fold_change``, ``standard_error``, ``shrunken`` with its 90 %
        interval (``low_90``, ``high_90``), ``lfsr``, ``s_value``, ``p_value``; ``expressed_a``,
        ``expressed_b`` (shares of the cells), ``per_10k_a``, ``per_10k_b`` (mean counts of 10^4).
    factors
        One row a factor: ``difference`` of its mean scores, ``standard_error`` and the rest as for
        genes; ``mean_a``, ``mean_b``, beyond the mean of the fit, in prior standard deviations; and
        ``explained``, the part of the difference by the covariates of the fit, if it has any.
    unit
        ``"cell"`` or ``"donor"``: whose spread gives the errors.
    n_a, n_b
        Units of each group.
    notes
        What was left out or not tested, and why.
    units
        One row a donor of a group, or a group: ``group``, ``donor``, ``cells``, and its mean score
        of each factor.
    """

    genes: pd.DataFrame
    factors: pd.DataFrame
    unit: Literal["cell", "donor"]
    n_a: int
    n_b: int
    notes: tuple[str, ...] = ()
    units: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class DifferencesProgress:
    """A step: the share of the work done; the last step has the result."""

    fraction: float
    differences: Differences | None = None


def differences(
    fit: AnyFit,
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    donor: str | None = None,
    data_driven: bool = False,
    adjusted: bool = False,
    centre: Centre = "precision",
    least_detection: float = LEAST_DETECTION,
) -> Differences:
    """Compare two groups of cells; see `differences_iter`."""
    steps = differences_iter(
        fit,
        counts,
        a,
        b,
        donor=donor,
        data_driven=data_driven,
        adjusted=adjusted,
        centre=centre,
        least_detection=least_detection,
    )
    *_, last = steps
    if last.differences is None:
        raise RuntimeError("the last step has the result")
    return last.differences


def differences_iter(
    fit: AnyFit,
    counts: Counts,
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    donor: str | None = None,
    data_driven: bool = False,
    adjusted: bool = False,
    centre: Centre = "precision",
    least_detection: float = LEAST_DETECTION,
) -> Iterator[DifferencesProgress]:
    """Compare two groups of cells under a fit, yielding progress.

    Fits the level ``l`` of each gene in each group (or donor in a group), with loadings and d of
    the model held, so that the difference is the whole one, factors included. Without donors its
    variance is that of the cells' scores and covariates and of counting,

        v' (S_A / n_A + S_B / n_B) v + 1 / sum_A kappa + 1 / sum_B kappa,

    v = (w, b) less its mean over genes; it assumes that groups were not chosen by these counts.
    With donors, the difference is the mean one within donors that both groups have, or that between
    the groups' means over donors, tested by a moderated t. lfsr and s-values are by adaptive
    shrinkage over all genes.

    Parameters
    ----------
    counts
        Of the fit's genes, matched by name.
    a, b
        (C,) masks of cells of ``counts``; b None: all that are not in a.
    donor
        A column of ``counts.obs``: the donor of each cell, which is then the unit.
    data_driven
        Whether the groups were found in these counts (drawn, or clusters of them). A test would be
        circular: effects then have no errors.
    adjusted
        Of a fit with covariates: whether to take what these explain out of the difference. They
        should not be the covariates that separate the groups.
    centre
        Mean difference that is set to zero: weighted by precision over genes, or the median.
    least_detection
        Least share of cells that express a gene, in one group at least.

    Raises
    ------
    ConfigError
        If the fit has no levels of genes (topics), the groups share cells or are too small, or
        there is no such column of donors.
    """
    if not fit.can("differences"):
        raise ConfigError("an LNM or LNMVCP", fit.model, "Compare groups under a fit of factors.")
    if adjusted and not fit.can("covariates"):
        raise ConfigError("a fit with covariates to adjust for", "one without", "Leave it out.")
    if centre not in get_args(Centre):
        raise ConfigError(
            "centre to be 'precision' or 'median'", repr(centre), "Choose one of them."
        )
    _refuse_numbers(counts, donor)
    counts = counts.matched(fit.genes, fit.gene_ids)
    groups = groups_of(counts, a, b, donor, data_driven=data_driven)
    if donor is None and groups.tested and (alike := ", ".join(fit.groupings)):
        groups = groups._replace(notes=(*groups.notes, _ALIKE.format(alike)))
    if fit.can("covariates"):
        groups = groups._replace(notes=(*groups.notes, _ADJUSTED if adjusted else _TOTAL))
        if adjusted and _explain_groups(fit, counts, groups):
            groups = groups._replace(notes=(*groups.notes, _NOTHING_LEFT))
    return _steps(fit, counts, groups, adjusted, centre, least_detection)


def _explain_groups(fit: AnyFit, counts: Counts, groups: Groups) -> bool:
    """Whether the covariates of the fit explain in which group each cell is."""
    a, b = (np.concatenate([groups.sets[j] for j in own]) for own in (groups.of_a, groups.of_b))
    place = fit.cells.get_indexer(counts.cells[np.concatenate([a, b])])
    if (place < 0).any():
        return False
    known = np.column_stack([np.ones(len(place)), fit.covariates()[place]])
    group = np.repeat([1.0, 0.0], [len(a), len(b)])
    left = group - known @ np.linalg.lstsq(known, group)[0]
    return float(left @ left) < _UNEXPLAINED * len(group)


def _refuse_numbers(counts: Counts, donor: str | None) -> None:
    """Raise ConfigError if the column of donors has numbers that are not whole."""
    if donor is None or donor not in counts.obs:
        return
    column = counts.obs[donor]
    if pd.api.types.is_float_dtype(column) and np.mod(column.dropna().astype(float), 1).any():
        raise ConfigError(
            "a column of levels for donors",
            f"{column.nunique():,} different numbers in {donor}",
            "Name the column that says whom each cell is of.",
        )


def _steps(
    fit: AnyFit, counts: Counts, groups: Groups, adjusted: bool, centre: Centre, least: float
) -> Iterator[DifferencesProgress]:
    keep_compilations()
    yield DifferencesProgress(0.0)
    sets = [counts.take(cells) for cells in groups.sets]
    steps = family_of(fit).levels(fit, sets)
    while True:
        try:
            yield DifferencesProgress(0.98 * next(steps))
        except StopIteration as end:
            levels: list[Level] = end.value
            break
    if adjusted:
        known = fit.n_factors
        levels = [
            level._replace(
                level=level.level - level.explained,
                axes=level.axes[:, :known],
                spread=level.spread[:known, :known],
            )
            for level in levels
        ]
    expression = [_measure_expression(sets, own) for own in (groups.of_a, groups.of_b)]
    shown = fit.is_gene & (np.maximum(expression[0].expressed, expression[1].expressed) >= least)
    if not shown.any():
        raise ConfigError(
            f"a gene that {least:.0%} of the cells of a group express",
            "none",
            "Take a lower least_detection, or other groups.",
        )
    of = estimated(fit, levels, groups, shown, centre)
    yield DifferencesProgress(1.0, _tabulate(fit, of, expression, shown, groups))


@dataclass(frozen=True)
class _Expression:
    expressed: np.ndarray
    per_10k: np.ndarray


def _measure_expression(sets: list[Counts], own: list[int]) -> _Expression:
    """(G,) shares of cells that express each gene, and its mean counts of 10^4."""
    width = sets[0].n_genes
    cells, total, expressed, summed = 0, 0.0, np.zeros(width), np.zeros(width)
    for counts in (sets[j] for j in own):
        matrix = counts.matrix()
        assert matrix is not None
        cells += counts.n_cells
        total += float(counts.totals.sum())
        expressed += np.asarray((matrix > 0).sum(0)).ravel()
        summed += np.asarray(matrix.sum(0)).ravel()
    return _Expression(expressed / cells, 1e4 * summed / total)


def _tabulate(
    fit: AnyFit, of: Estimated, expression: list[_Expression], shown: np.ndarray, groups: Groups
) -> Differences:
    table = effects_table(of.genes)
    table.insert(0, "gene", np.asarray(fit.genes[shown]))
    table.insert(2, "fold_change", np.exp(table["difference"]))
    for name, own in zip("ab", expression, strict=True):
        table[f"expressed_{name}"] = own.expressed[shown]
        table[f"per_10k_{name}"] = own.per_10k[shown]
    factors = latents_table(fit, of.factors, of.scores, groups)
    if fit.can("covariates"):
        a, b = (of.explained[:, own].mean(1) for own in (groups.of_a, groups.of_b))
        factors["explained"] = a - b
    return Differences(
        largest_first(table, "difference"),
        factors,
        groups.unit,
        *groups.sizes,
        groups.notes,
        units_table(fit, of.scores, groups),
    )
