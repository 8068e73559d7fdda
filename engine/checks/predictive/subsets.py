"""Cells, groups of cells and genes of a check."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from engine.checks.missed import MissedPairs
from engine.checks.predictive.check_settings import MOST_GENES, MOST_GROUPS
from engine.checks.predictive.replication import Cells
from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.results import AnyFit
from engine.summaries.positions import gene_positions

# Genes in detail by default; most of those that fit worst, and of missed pairs.
_DETAILED, _WORST, _MISSED = 40, 30, 40


def cells_to_check(
    counts: Counts, cells: np.ndarray | None, groups: pd.Series | np.ndarray | None
) -> tuple[Cells, list[str], int]:
    """The cells to check, the names of their groups, and how many have no counts.

    Raises
    ------
    DataError, ConfigError
        If cells or labels are not of these counts, or there are too few cells or too many groups.
    """
    keys = np.arange(counts.n_cells)
    if cells is not None:
        keys = _positions(counts, np.asarray(cells))
    labels = None
    if groups is not None:
        if len(groups) != counts.n_cells:
            raise DataError(
                f"labels of {counts.n_cells:,} cells", f"{len(groups):,}", "Give one a cell."
            )
        labels = pd.Categorical(np.asarray(groups, object)[keys])
        if len(labels.categories) > MOST_GROUPS:
            raise ConfigError(
                f"at most {MOST_GROUPS} groups of cells",
                f"{len(labels.categories):,} different labels",
                "Group the cells by fewer labels.",
            )
    counted = counts.totals[keys] > 0
    with_counts = keys[counted]
    if len(with_counts) < 2:
        raise DataError(
            "at least two cells with counts of the fit's genes",
            f"{len(with_counts)}",
            "Choose other cells.",
        )
    codes, names = np.zeros(len(with_counts), int), []
    if labels is not None:
        names = [str(name) for name in labels.categories]
        own = labels.codes[counted].astype(int)
        codes = np.where(own < 0, len(names), own)
    own_counts = counts if len(with_counts) == counts.n_cells else counts.take(with_counts)
    n_groups = len(names) + 1
    return Cells(own_counts, with_counts, codes, n_groups), names, len(keys) - len(with_counts)


def _positions(counts: Counts, cells: np.ndarray) -> np.ndarray:
    mask = cells.dtype == bool
    if mask and cells.shape == (counts.n_cells,):
        return np.flatnonzero(cells)
    whole = np.issubdtype(cells.dtype, np.integer) and cells.ndim == 1
    if mask or not whole or np.any((cells < 0) | (cells >= counts.n_cells)):
        raise DataError(
            f"a mask of {counts.n_cells:,} cells or positions among them",
            f"{cells.dtype} values of shape {cells.shape}",
            "Choose cells of these counts.",
        )
    return np.unique(cells)


def detailed_genes(fit: AnyFit, genes: Iterable[str] | None) -> np.ndarray:
    """Positions of the genes in detail: those named, or by default those that programmes vary most.

    Raises
    ------
    DataError, ConfigError
        If a name is not among the modelled genes, or there are none or too many.
    """
    if genes is None:
        return _most_varied(fit)
    names = list(dict.fromkeys(genes))
    if not 1 <= len(names) <= MOST_GENES:
        raise ConfigError(
            f"from 1 to {MOST_GENES} genes in detail", f"{len(names)}", "Choose fewer genes."
        )
    return gene_positions(fit, names)


def genes_to_show(
    fit: AnyFit,
    chosen_genes: Iterable[str],
    judged: pd.DataFrame | None = None,
    missed: MissedPairs | None = None,
) -> list[str]:
    """Names of genes in detail, in this order and at most 200.

    Chosen genes, genes of missed pairs, those that fit worst, and those that programmes vary most.
    Pairs are missed only if they are far off among all pairs of the fit: a correct fit has none, so
    that p-values of the pairs in detail stay valid.

    Parameters
    ----------
    judged
        `PredictiveCheck.genes` of a first check, worst first.
    missed
        Pairs that the fit misses.
    """
    worst: list[object] = []
    if judged is not None:
        worst = judged.drop_duplicates("gene")["gene"].head(_WORST).tolist()
    far = [] if missed is None else missed.genes(_MISSED)
    own = fit.genes[gene_positions(fit, list(chosen_genes))]
    names = [*map(str, own), *far, *map(str, worst), *map(str, fit.genes[_most_varied(fit)])]
    return list(dict.fromkeys(names))[:MOST_GENES]


def _most_varied(fit: AnyFit) -> np.ndarray:
    """Genes whose programmes add most to the variance of a count, relative to its mean."""
    spread = np.where(fit.is_gene, fit.gene_spread(), -1.0)
    return np.sort(np.argsort(-spread, kind="stable")[: min(_DETAILED, int(fit.is_gene.sum()))])
