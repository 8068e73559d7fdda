"""missed_pairs: the pairs of genes whose residuals are correlated beyond draws from a fit.

Residuals are the scores of `engine.checks.beyond_factors`; of topics they are Pearson residuals,
``(u - N p) / sqrt(N p)`` with p the proportions of the genes at the mode of the cell. R are their
correlations over cells, and D = R - mean(R_drawn) is the excess over counts drawn from the fit. A
pair is missed if its |D| exceeds the largest |D| of all pairs in drawn counts, which allows for the
choice of the largest among millions.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from engine.checks.structure_scores import correlation as correlation_of
from engine.checks.structure_scores import pair_limit
from engine.data import Counts
from engine.errors import DataError
from engine.fitting.compilation import keep_compilations
from engine.registry import family_of
from engine.results import AnyFit, selection_of
from engine.validation import whole

# Most cells to test; fewer with very many genes: at least so many, and about so many counts.
_ENOUGH, _LEAST_CELLS, _ELEMENTS = 2000, 500, 2**22
# Genes that fewer cells express are left out. The fixed total correlates residuals of fewer genes.
# Of more genes, those with most counts are tested.
_FEWEST, _FEWEST_GENES, _MOST_GENES = 20, 10, 3000
# Draws for the mean of their correlations, and for the largest difference by chance.
_FOR_MEAN, _FOR_LARGEST = 4, 8
# Pairs in the table, and pairs named in the finding.
_LISTED, _NAMED = 200, 3


@dataclass(frozen=True)
class MissedPairs:
    """Pairs of genes whose residuals are correlated, with either sign, beyond draws from a fit.

    Attributes
    ----------
    latents
        "factors" or "topics", of which the fit has ``n_factors``.
    n_cells, n_genes
        Cells and genes that were tested.
    n_missed, size_chosen
        Number of missed pairs, and whether the number of factors or topics was chosen from the
        counts.
    table
        At most 200 pairs, the furthest off first: ``gene``, ``other``, ``observed`` (correlation of
        residuals), ``predicted`` (the mean of draws), ``low_90`` and ``high_90``, between which all
        pairs are in 90 % of the draws, ``p_value`` (probability that any pair is as far off by
        chance) and ``misfit``.
    """

    latents: str
    n_factors: int
    n_cells: int
    n_genes: int
    n_missed: int
    table: pd.DataFrame
    size_chosen: bool = False

    @property
    def words(self) -> str:
        """The finding, and what to do; empty if no pair is missed."""
        if not self.n_missed:
            return ""
        first = self.table.iloc[: min(_NAMED, self.n_missed)]
        named = ", ".join(
            f"{row['gene']} and {row['other']} ({_number(row['observed'])}, of draws "
            f"{_number(row['predicted'])})"
            for row in first.to_dict("records")
        )
        more = " and others" if self.n_missed > len(first) else ""
        pairs = self.n_genes * (self.n_genes - 1) // 2
        own = self.latents if self.n_factors != 1 else self.latents[:-1]
        then = "More {} predict held-out counts no better" if self.size_chosen else "Take more {}"
        return (
            f"Residuals of {self.n_missed:,} of {pairs:,} pairs of genes are correlated beyond the "
            f"{self.n_factors} {own}: {named}{more}. {then.format(self.latents)}; what this fit "
            "says of these pairs does not hold."
        )

    def genes(self, most: int) -> list[str]:
        """Names of genes of missed pairs, at most a given number, the worst pairs first."""
        rows = self.table[self.table["misfit"]]
        return list(dict.fromkeys(map(str, rows[["gene", "other"]].to_numpy().ravel())))[:most]

    def to_dict(self) -> dict[str, Any]:
        """Numbers and the missed pairs that are listed, ready for JSON."""
        rows = self.table[self.table["misfit"]].drop(columns="misfit")
        return {
            "cells": self.n_cells,
            "genes": self.n_genes,
            "missed": self.n_missed,
            "pairs": rows.to_dict("records"),
        }


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class MissedProgress:
    """A step: the share of the work done; the last step has the result."""

    fraction: float
    missed: MissedPairs | None = None


def missed_pairs(
    fit: AnyFit, counts: Counts, *, cells: np.ndarray | None = None, seed: int = 0
) -> MissedPairs:
    """Look for pairs of genes that a fit misses; see `missed_pairs_iter`."""
    *_, last = missed_pairs_iter(fit, counts, cells=cells, seed=seed)
    if last.missed is None:
        raise RuntimeError("the last step has the result")
    return last.missed


def missed_pairs_iter(
    fit: AnyFit, counts: Counts, *, cells: np.ndarray | None = None, seed: int = 0
) -> Iterator[MissedProgress]:
    """Compare the residuals of all pairs of genes with those of draws, yielding progress.

    Uses at most 2,000 cells (1,000 for topics), drawn at random, and the 3,000 genes with most
    counts among those that 20 of these cells express.

    Parameters
    ----------
    counts
        Genes matched by name; the cells of the fit or others.
    cells
        (C,) mask of the cells to test; all by default.

    Raises
    ------
    ConfigError
        If the seed is out of range.
    DataError
        If the counts lack genes of the fit, or cells or genes are too few.
    """
    whole("seed", seed, 0, 2**32 - 1)
    counts = counts.matched(fit.genes, fit.gene_ids)
    able = counts.totals > 0
    if cells is not None:
        able &= cells
    keys = np.flatnonzero(able)
    if len(keys) < _FEWEST:
        raise DataError(
            f"{_FEWEST} cells with counts of the fit's genes", f"{len(keys)}", "Choose more cells."
        )
    rng = np.random.default_rng([seed, 13])
    most = min(_ENOUGH, max(_ELEMENTS // counts.n_genes, _LEAST_CELLS))
    most //= family_of(fit).slowness
    keys = np.sort(rng.choice(keys, min(len(keys), most), replace=False))
    return _steps(fit, counts.take(keys), rng)


def _steps(
    fit: AnyFit, counts: Counts, rng: np.random.Generator
) -> Generator[MissedProgress, None, None]:
    keep_compilations()
    yield MissedProgress(0.0)
    dense = counts.block(0, counts.n_cells).astype(np.float32)
    # Two genes of one count each, in the same cell, would correlate perfectly.
    genes = np.flatnonzero(fit.is_gene & ((dense > 0).sum(0) >= _FEWEST))
    most = np.argsort(-dense[:, genes].sum(0), kind="stable")[:_MOST_GENES]
    genes = genes[np.sort(most)]
    if len(genes) < _FEWEST_GENES:
        few = f"{len(genes)}"
        raise DataError(f"{_FEWEST_GENES} genes that {_FEWEST} cells have", few, "Choose more.")
    residuals = family_of(fit).residuals(fit, dense, genes, counts.obs)
    mean = np.zeros((len(genes), len(genes)), np.float32)
    largest = []
    n_draws = _FOR_MEAN + _FOR_LARGEST
    for draw in range(n_draws):
        yield MissedProgress((draw + 1) / (n_draws + 2))
        own = correlation_of(residuals.drawn(rng))
        if draw < _FOR_MEAN:
            mean += own / _FOR_MEAN
        else:
            own -= mean
            largest.append(float(np.abs(own[np.triu_indices(len(own), 1)]).max()))
    observed = correlation_of(residuals.observed)
    missed = _missed(
        fit, len(residuals.observed), fit.genes[genes], observed, mean, np.array(largest)
    )
    yield MissedProgress(1.0, missed)


def _missed(
    fit: AnyFit,
    n_cells: int,
    names: pd.Index,
    observed: np.ndarray,
    mean: np.ndarray,
    largest: np.ndarray,
) -> MissedPairs:
    one, other = np.triu_indices(len(names), 1)
    observed, mean = observed[one, other].astype(float), mean[one, other].astype(float)
    away = np.abs(observed - mean)
    expected, freedom = largest.mean(), len(largest) - 1
    # Prediction of another draw: the error of the mean adds to the spread.
    spread = max(largest.std(ddof=1), 1e-6) * np.sqrt(1 + 1 / len(largest))
    limit = pair_limit(list(largest))
    order = np.argsort(-away, kind="stable")[:_LISTED]
    band = expected + stats.t.ppf(0.9, freedom) * spread
    names = names.astype(str)
    table = pd.DataFrame(
        {
            "gene": names[one[order]],
            "other": names[other[order]],
            "observed": observed[order],
            "predicted": mean[order],
            "low_90": np.maximum(mean[order] - band, -1),
            "high_90": np.minimum(mean[order] + band, 1),
            "p_value": stats.t.sf((away[order] - expected) / spread, freedom),
            "misfit": away[order] > limit,
        }
    )
    n_missed = int((away > limit).sum())
    sizes, given = (n_cells, len(names), n_missed), selection_of(fit) is not None
    return MissedPairs(fit.vocabulary.latents, fit.n_factors, *sizes, table, given)
