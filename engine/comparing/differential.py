"""differential: which correlations differ between two fits, of two groups of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from engine.checks.structure_finding import structure_of
from engine.checks.uncertainty import Uncertainty
from engine.checks.uncertainty.delta_method import LARGEST
from engine.checks.uncertainty.shrinkage import Prior, learned, shrink_effects
from engine.comparing.groups import FOUND_HERE
from engine.errors import ConfigError
from engine.results import AnyFit

# Genes from whose pairs, some 50,000, the prior is learned.
_LEARNED_FROM = 317
# Total counts are whole numbers.
_SAME_TOTAL = 0.5


class Change(NamedTuple):
    """Changes between n genes, each (n, n) and symmetric.

    Attributes
    ----------
    one, other
        CLR correlations under either fit.
    change
        ``atanh one - atanh other``.
    standard_error
        Of the change; infinite where a gene does not vary.
    shrunken, low, high
        The change and its 90 % interval, with a prior learned from all pairs.
    lfsr
        Probability that there is no change, or that it has the other sign.
    fsos
        Probability that it does not have this sign or is at most 0.1.
    """

    one: np.ndarray
    other: np.ndarray
    change: np.ndarray
    standard_error: np.ndarray
    shrunken: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lfsr: np.ndarray
    fsos: np.ndarray


class Compared(NamedTuple):
    """Estimates of n genes, (n, n) each: both correlations, and on the scale of Fisher's z their
    difference and its standard error, that of a normal.
    """

    one: np.ndarray
    other: np.ndarray
    change: np.ndarray
    error: np.ndarray


Estimating = Callable[[np.ndarray], Compared]


@dataclass(frozen=True, eq=False)
class Differential:
    """Correlations of the same genes in two groups of cells.

    Attributes
    ----------
    genes
        Names, in the order of the first fit.
    estimates
        Function of positions in `genes` that estimates each pair by itself.
    unit
        ``"cell"`` or ``"donor"``: whose spread gives the errors.
    tested
        Whether there are errors; otherwise `Change` has the changes alone, and NaN.
    a, b, n_a, n_b
        Names of the groups, and their numbers of units.
    notes
        What was left out or not tested, and why.
    """

    genes: pd.Index
    estimates: Estimating
    unit: Literal["cell", "donor"] = "cell"
    tested: bool = True
    a: str = "A"
    b: str = "B"
    n_a: int = 0
    n_b: int = 0
    notes: tuple[str, ...] = ()

    def change(self, genes: np.ndarray) -> Change:
        """Changes of genes at positions in `genes`; a pair's do not depend on other genes."""
        genes = np.asarray(genes, dtype=int)
        first, second, z, error = self.estimates(genes)
        if not self.tested:
            return Change(first, second, z, *(np.full_like(z, np.nan) for _ in range(6)))
        upper = np.triu_indices(len(genes), 1)
        shrunken = shrink_effects(z[upper], error[upper], self._prior)
        tables = []
        for values in shrunken[:5]:
            table = np.zeros_like(z)
            table[upper] = table.T[upper] = values
            tables.append(table)
        return Change(first, second, z, error, *tables)

    def pairs(self, genes: np.ndarray) -> pd.DataFrame:
        """One row a pair of genes at positions, the surest change first."""
        names = np.asarray(self.genes[genes])
        upper = np.triu_indices(len(genes), 1)
        change = self.change(genes)
        columns = {
            "gene_1": names[upper[0]],
            "gene_2": names[upper[1]],
            "correlation_a": change.one[upper],
            "correlation_b": change.other[upper],
            **{name: getattr(change, name)[upper] for name in Change._fields[2:]},
        }
        table = pd.DataFrame(columns)
        if not self.tested:
            order = np.argsort(-table["change"].abs(), kind="stable")
            return table.iloc[order].reset_index(drop=True)
        return table.sort_values(["fsos", "lfsr"], kind="stable", ignore_index=True)

    @cached_property
    def _prior(self) -> Prior:
        genes = some_genes(len(self.genes))
        upper = np.triu_indices(len(genes), 1)
        _, _, z, error = self.estimates(genes)
        return learned(z[upper], error[upper])


def some_genes(count: int) -> np.ndarray:
    """Positions of the genes from whose pairs the prior of all pairs is learned."""
    if count <= _LEARNED_FROM:
        return np.arange(count)
    return np.random.default_rng(0).choice(count, _LEARNED_FROM, replace=False)


def differential(
    fit_a: AnyFit, one: Uncertainty, fit_b: AnyFit, other: Uncertainty
) -> Differential:
    """Which correlations differ between two fits.

    ``Delta = atanh rho_A - atanh rho_B`` with variance ``s_A^2 + s_B^2``, shrunken over the pairs
    (`engine.checks.uncertainty.shrinkage`).

    Parameters
    ----------
    fit_a, fit_b
        Of the same genes, in different cells.
    one, other
        Their uncertainty, see `engine.checks.uncertainty`.

    Returns
    -------
    Differential
        Without errors, if the cells of a fit were found in their counts (`CellSubset`: drawn, or
        clusters of them), or the fits have no factors.

    Raises
    ------
    ConfigError
        If a fit has no such errors, or the fits differ in genes or numbers of factors, or share
        cells.
    """
    check_comparable(fit_a, fit_b)
    positions = fit_b.genes.get_indexer(fit_a.genes)
    cells = len(fit_a.cells), len(fit_b.cells)
    estimates = partial(between_cells, one, other, positions)
    notes = []
    if any(_data_driven(fit) for fit in (fit_a, fit_b)):
        notes.append(FOUND_HERE)
    if fit_a.n_factors == 0:
        notes.append("Fits without factors have no correlation that is a finding, and no change.")
    tested = not notes
    structures = [
        sure.structure or structure_of(fit) for fit, sure in ((fit_a, one), (fit_b, other))
    ]
    missed = [name for name, own in zip("AB", structures, strict=True) if own and own.significant]
    if missed:
        notes.append(
            f"Genes vary together beyond the factors of {' and '.join(missed)}: a change may be of "
            "what only one of the fits has. Take more factors, or the labels that explain them as "
            "covariates."
        )
    return Differential(
        fit_a.genes, estimates, tested=tested, n_a=cells[0], n_b=cells[1], notes=tuple(notes)
    )


def _data_driven(fit: AnyFit) -> bool:
    """Whether the cells of a fit were found in its counts."""
    subset = fit.data.get("subset") or {}
    # Earlier releases wrote found_here.
    return bool(subset.get("data_driven") or subset.get("found_here"))


def between_cells(
    first: Uncertainty, second: Uncertainty, positions: np.ndarray, genes: np.ndarray
) -> Compared:
    """Compare two fits; ``positions`` has the position in the second of each gene of the first."""
    one, other = first.estimates(genes), second.estimates(positions[genes])
    z = [np.arctanh(np.clip(each.correlation, -LARGEST, LARGEST)) for each in (one, other)]
    change = z[0] - z[1]
    np.fill_diagonal(change, 0)
    error = np.hypot(one.fisher_error, other.fisher_error)
    return Compared(one.correlation, other.correlation, change, error)


def check_comparable(fit_a: AnyFit, fit_b: AnyFit) -> None:
    """Raise if the correlations of two fits cannot be compared; errors as in `differential`."""
    for fit in (fit_a, fit_b):
        if not fit.can("pair_uncertainty"):
            raise ConfigError("two fits of LNM or LNMVCP", fit.model, "Topics have no such errors.")
    positions = fit_b.genes.get_indexer(fit_a.genes)
    if len(fit_a.genes) != len(fit_b.genes) or (positions < 0).any():
        raise ConfigError(
            f"fits of the same {len(fit_a.genes):,} genes",
            f"{int((positions < 0).sum()):,} genes that only one has",
            "Fit both groups with the same genes.",
        )
    common = _common(fit_a, fit_b)
    if common:
        raise ConfigError(
            "fits of different cells",
            f"{common:,} cells in both",
            "Fit groups without common cells.",
        )
    if fit_a.n_factors != fit_b.n_factors:
        raise ConfigError(
            "fits with the same number of factors",
            f"{fit_a.n_factors} and {fit_b.n_factors}",
            "Fit both with the larger number: factors beyond what there are do no harm.",
        )


def _common(one: AnyFit, other: AnyFit) -> int:
    """Number of cells in both fits. Two samples may share barcodes, but not the counts of these."""
    there = other.cells.get_indexer(one.cells)
    here = np.flatnonzero(there >= 0)
    source = one.data.get("source", "memory")
    if source != "memory" and source == other.data.get("source"):
        return len(here)
    same = np.abs(one.total_counts[here] - other.total_counts[there[here]]) < _SAME_TOTAL
    return len(here) if 2 * int(same.sum()) > len(here) else 0
