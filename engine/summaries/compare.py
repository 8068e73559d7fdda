"""Compare two fits of the same cells: correlations, factors and values of each cell.

Only the genes and cells that both fits have, by name, are compared.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from scipy import optimize

from engine.errors import DataError
from engine.results import AnyFit
from engine.summaries.correlation import clr_correlation, correlation_block
from engine.summaries.loading_tables import weights
from engine.summaries.positions import named_as
from engine.summaries.topics_match import common_cells

Similarity = Literal["correlation", "cosine", "overlap"]
Quantity = Literal["score", "capture", "log_marginal"]
MOST_PAIRS = 200
_OF_CELLS: tuple[Literal["capture", "log_marginal"], ...] = ("capture", "log_marginal")
# Pairs of genes at a time.
_BLOCK = 2_000_000
_OF_PAIR = ("r", "r_other", "change")
_LEAST = 1e-12


class Correlations(NamedTuple):
    """CLR correlations of the same genes in two fits, genes x genes."""

    one: pd.DataFrame
    other: pd.DataFrame

    @property
    def change(self) -> pd.DataFrame:
        """The second less the first."""
        return self.other - self.one


class CellValues(NamedTuple):
    """Values of two fits for the cells in both.

    Attributes
    ----------
    values
        (n, 2): of the first fit, of the other.
    here
        (n,) positions of the cells in the first fit.
    correlation
        Pearson's, over the n cells; NaN if there are too few or one does not vary.
    sd
        (n, 2) posterior standard deviations of the values, NaN for topics; None if neither fit
        has any.
    """

    values: np.ndarray
    here: np.ndarray
    correlation: float
    sd: np.ndarray | None = None


def common_genes(fit: AnyFit, other: AnyFit) -> pd.Index:
    """Real genes that both fits model, in the order of the first."""
    genes = fit.genes[fit.is_gene]
    known = named_as(other, fit)
    return genes[genes.isin(known.genes[known.is_gene])]


def correlations(fit: AnyFit, other: AnyFit, genes: pd.Index) -> Correlations:
    """`clr_correlation` of both fits, over those of the genes that both have.

    CLR is relative to the genes that a fit models: with other genes, correlations change.
    """
    both = genes[genes.isin(common_genes(fit, other))]
    return Correlations(clr_correlation(fit, both), clr_correlation(named_as(other, fit), both))


def changed_pairs(
    fit: AnyFit, other: AnyFit, genes: pd.Index | None = None, n: int = MOST_PAIRS
) -> pd.DataFrame:
    """The n pairs of genes whose CLR correlation differs most between two fits.

    Parameters
    ----------
    genes
        Only pairs of these; by default all that both fits model, at a cost of O(G^2 k), in blocks.

    Returns
    -------
    ``first``, ``second`` (names), ``r``, ``r_other`` and ``change``, the second less the first;
    the largest absolute change first.
    """
    other = named_as(other, fit)
    names = common_genes(fit, other)
    if genes is not None:
        names = names[names.isin(genes)]
    here, there = fit.genes.get_indexer(names), other.genes.get_indexer(names)
    size = max(_BLOCK // max(len(names), 1), 1)
    best = pd.DataFrame({name: [] for name in ("row", "column", "r", "r_other", "change")})
    for start in range(0, len(names), size):
        rows = np.arange(start, min(start + size, len(names)))
        columns = np.arange(start, len(names))
        one = correlation_block(fit, here[rows], here[columns])
        two = correlation_block(other, there[rows], there[columns])
        # Each pair once.
        change = np.where(columns[None, :] > rows[:, None], np.abs(two - one), -1.0).ravel()
        most = np.argpartition(-change, min(n, change.size) - 1)[:n]
        row, column = np.unravel_index(most[change[most] >= 0], one.shape)
        r, r_other = one[row, column], two[row, column]
        candidates = {"row": rows[row], "column": columns[column], "r": r, "r_other": r_other}
        best = pd.concat([best, pd.DataFrame(candidates).assign(change=r_other - r)])
        best = best.sort_values("change", key=lambda sizes: -sizes.abs(), kind="stable").head(n)
    first, second = (names[best[side].to_numpy(int)] for side in ("row", "column"))
    return pd.DataFrame(
        {"first": first, "second": second, **{k: best[k].to_numpy(float) for k in _OF_PAIR}}
    )


def loading_cosines(fit: AnyFit, other: AnyFit) -> pd.DataFrame:
    """Cosines of the CLR loadings of two fits over their common genes, -1 to 1.

    Loadings are centred on the common genes first, so that both are relative to the same geometric
    mean. For topics, `weights` take their place.

    Returns
    -------
    Factors or topics of the first x those of the other.
    """
    other = named_as(other, fit)
    genes = common_genes(fit, other)
    one, two = (_unit(weights(each).loc[genes].to_numpy(float)) for each in (fit, other))
    cosines = np.clip(one.T @ two, -1, 1)
    return pd.DataFrame(cosines, fit.factor_names, other.factor_names)


def matched(similarity: pd.DataFrame) -> pd.DataFrame:
    """Pair factors one to one to maximise the sum of the pairs' absolute similarities.

    The assignment of least cost (Kuhn 1955; Crouse 2016), by absolute value since the signs of
    factors are arbitrary. Where one fit has more factors, some of them stay without a partner.

    Parameters
    ----------
    similarity
        Factors of the first x those of the other; NaN counts as none.

    Returns
    -------
    One row a factor of the first: ``match`` (name, None without), ``place`` (its position, -1
    without) and ``similarity`` (NaN without).
    """
    values = similarity.to_numpy(float)
    known = np.where(np.isfinite(values), np.abs(values), 0)
    rows, columns = optimize.linear_sum_assignment(known, maximize=True)
    place = np.full(len(similarity), -1)
    place[rows] = columns
    there = place >= 0
    similarities = np.full(len(similarity), np.nan)
    similarities[there] = values[there, place[there]]
    names = [str(similarity.columns[j]) if j >= 0 else None for j in place]
    return pd.DataFrame(
        {"match": pd.Series(names, similarity.index, dtype=object), "place": place}
    ).assign(similarity=similarities)


def quantities(fit: AnyFit, other: AnyFit) -> list[Quantity]:
    """Quantities of two fits that `cell_values` can compare."""
    known: list[Quantity] = ["score"] if fit.n_factors and other.n_factors else []
    return [*known, *(of for of in _OF_CELLS if fit.can(of) and other.can(of))]


def cell_values(
    fit: AnyFit, other: AnyFit, of: Quantity, factor: int = 0, place: int = 0
) -> CellValues:
    """Values of a quantity in two fits for each cell in both.

    Parameters
    ----------
    of
        "score" of a factor (or the proportion of a topic), "capture" efficiency, or
        "log_marginal", log p(counts of the cell | its total), nats.
    factor, place
        Positions of the factors in the first fit and the other.

    Raises
    ------
    DataError
        If one of the fits does not have the quantity, see `quantities`.
    """
    known = quantities(fit, other)
    if of not in known:
        raise DataError(
            f"{' or '.join(get_args(Quantity))} of two fits that both have it",
            f"{of!r} of {fit.model} and {other.model}",
            f"Compare {' or '.join(known)} instead." if known else "Compare other fits.",
        )
    here, there = common_cells(fit, other)
    one, two = _values(fit, of, factor)[here], _values(other, of, place)[there]
    r = np.nan
    if len(here) > 2 and np.ptp(one) > 0 and np.ptp(two) > 0:
        r = float(np.corrcoef(one, two)[0, 1])
    sd = np.column_stack([_spread(fit, of, factor)[here], _spread(other, of, place)[there]])
    values = np.column_stack([one, two])
    return CellValues(values, here, r, None if np.isnan(sd).all() else sd)


def _values(fit: AnyFit, of: Quantity, factor: int) -> np.ndarray:
    if of == "score":
        return np.asarray(fit.cell_weights()[:, factor], float)
    return np.asarray(fit.cell_quantity(of), float)


def _spread(fit: AnyFit, of: Quantity, factor: int) -> np.ndarray:
    """(C,) posterior standard deviations of `_values`; NaN where there are none."""
    if of == "score":
        every_sd = fit.cell_weights_sd()
        sd = None if every_sd is None else every_sd[:, factor]
    else:
        sd = fit.cell_quantity_sd(of)
    return np.full(len(fit.cells), np.nan) if sd is None else np.asarray(sd, float)


def _unit(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(0) if len(values) else values
    return centred / np.maximum(np.linalg.norm(centred, axis=0), _LEAST)
