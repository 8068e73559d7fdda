"""differential_by: which correlations differ between two groups of the cells of a fit."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from engine.checks.uncertainty import Uncertainty, uncertainty_iter
from engine.comparing.between_donors import BetweenDonors
from engine.comparing.differential import Differential, Estimating, between_cells
from engine.comparing.groups import Groups, groups_of
from engine.data import Counts
from engine.errors import ConfigError, FitError
from engine.inference import fit_iter
from engine.registry import family_of
from engine.results import AnyFit
from engine.text import some

# Fewest cells of a fit.
FEWEST_CELLS = 40
# Share of the time of one set of cells.
_FITTING = 0.9


@dataclass(frozen=True)
class DifferentialProgress:
    """A step: the share of the work done; the last step has the result."""

    fraction: float
    differential: Differential | None = None


def differential_by(
    fit: AnyFit,
    counts: Counts,
    by: str | tuple[np.ndarray, np.ndarray],
    *,
    donor: str | None = None,
    data_driven: bool = False,
) -> Differential:
    """Compare the correlations of two groups of cells; see `differential_by_iter`."""
    *_, last = differential_by_iter(fit, counts, by, donor=donor, data_driven=data_driven)
    if last.differential is None:
        raise RuntimeError("the last step has the result")
    return last.differential


def differential_by_iter(
    fit: AnyFit,
    counts: Counts,
    by: str | tuple[np.ndarray, np.ndarray],
    *,
    donor: str | None = None,
    data_driven: bool = False,
) -> Iterator[DifferentialProgress]:
    """Fit two groups of cells each by itself, and compare their correlations, yielding progress.

    Each is fitted with the settings of ``fit``: its genes, number of factors and priors. Priors are
    held at what it learned, so that a smaller group is not shrunk differently. Without donors
    `engine.differential` compares both fits. With donors there is one fit of each donor, or of each
    donor in a group, and the change is the difference of random-effects means of Fisher's z over
    the donors of a group, or the mean of the differences within donors that both groups have
    (`engine.comparing.between_donors`).

    Parameters
    ----------
    fit
        Of the cells, or of others with the same genes.
    counts
        Of the fit's genes, matched by name.
    by
        A column of ``counts.obs`` with two levels, of which the first is B; or (C,) masks of the
        cells of A and B, which share no cells.
    donor
        A column of ``counts.obs``: the donor of each cell, which is then the unit.
    data_driven
        Whether the groups were found in these counts (drawn, or clusters of them): changes then
        have no errors.

    Raises
    ------
    ConfigError
        If the fit has no errors of correlations, the groups share cells or have fewer than 40, or
        there is no such column.
    FitError
        If the seconds allowed end before the first pass of a fit.
    """
    if not fit.can("pair_uncertainty"):
        raise ConfigError("a fit of LNM or LNMVCP", fit.model, "Topics have no such errors.")
    counts = counts.matched(fit.genes, fit.gene_ids)
    if fit.reference is not None:
        counts = replace(counts, reference=fit.reference)
    names, (a, b) = _two(counts.obs, by)
    fewest = FEWEST_CELLS, FEWEST_CELLS
    groups = groups_of(counts, a, b, donor, data_driven=data_driven, fewest=fewest)
    return _steps(fit, counts, groups, names)


def _two(
    obs: pd.DataFrame, by: str | tuple[np.ndarray, np.ndarray]
) -> tuple[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Names of A and B, and their masks."""
    if not isinstance(by, str):
        return ("A", "B"), by
    if by not in obs:
        known = some(obs.columns)
        raise ConfigError(f"a column of the cells to compare by: {known}", repr(by), "Name one.")
    column = obs[by]
    missing = int(column.isna().sum())
    if missing:
        raise ConfigError(
            f"a value of {by} for every cell", f"{missing:,} cells without", "Give masks of cells."
        )
    codes, levels = pd.factorize(column, sort=True)
    if len(levels) != 2:
        raise ConfigError(
            f"a column of two levels to compare by, {by}",
            f"{len(levels):,} levels",
            "Give masks of the cells of two of them: (obs[name] == one, obs[name] == other).",
        )
    return (str(levels[1]), str(levels[0])), (codes == 1, codes == 0)


def _steps(
    fit: AnyFit, counts: Counts, groups: Groups, names: tuple[str, str]
) -> Generator[DifferentialProgress]:
    yield DifferentialProgress(0.0)
    sets = [counts.take(cells) for cells in groups.sets]
    config, notes = family_of(fit).of_parts(fit, [part.obs for part in sets])
    # One shape of blocks for all sets: one compilation.
    rows = min(part.n_cells for part in sets)
    config = replace(config, block_cells=min(rows, config.block_cells or rows))
    uncertainties: list[Uncertainty] = []
    all_notes = [*groups.notes, *notes]
    for number, part in enumerate(sets):
        own = None
        for progress in fit_iter(family_of(fit).prepared(part, config), config):
            own = progress
            yield DifferentialProgress((number + _FITTING * progress.fraction) / len(sets))
        if own is None or own.snapshot is None:
            raise FitError(
                "time for at least one pass over each group of cells",
                f"a budget of {config.max_seconds} s",
                "Allow more seconds.",
            )
        if own.status.state == "stopped":
            all_notes.append(
                f"A fit of {part.n_cells:,} cells did not converge: {own.status.reason}."
            )
        for step in uncertainty_iter(own.snapshot(), part):
            yield DifferentialProgress(
                (number + _FITTING + (1 - _FITTING) * step.fraction) / len(sets)
            )
            if step.uncertainty is not None:
                uncertainties.append(step.uncertainty)
    one, other = ([uncertainties[j] for j in own] for own in (groups.of_a, groups.of_b))
    if groups.by_donor:
        estimates: Estimating = BetweenDonors(
            tuple(one), tuple(other), groups.paired, groups.tested
        )
    else:
        estimates = partial(between_cells, one[0], other[0], np.arange(counts.n_genes))
    result = Differential(
        counts.genes,
        estimates,
        groups.unit,
        groups.tested,
        *names,
        *groups.sizes,
        tuple(dict.fromkeys(all_notes)),
    )
    yield DifferentialProgress(1.0, result)
