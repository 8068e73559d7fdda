"""Matches of the topics or factors of two fits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.results import AnyFit
from engine.summaries.loading_tables import scores
from engine.summaries.positions import named_as
from engine.summaries.topics import ranking

TOP = 30
_LEAST_CELLS = 3
_BLOCK = 16_384


class Match(NamedTuple):
    """Two fits compared.

    Attributes
    ----------
    overlap
        Topics of the first x topics of the other: Jaccard index of their top genes, 0 to 1.
    correlation
        The same, but the correlation of their proportions or scores over the cells in both; NaN if
        there are too few or one of the two does not vary.
    genes, cells
        How many genes and cells both have.
    """

    overlap: pd.DataFrame
    correlation: pd.DataFrame
    genes: int
    cells: int


def top_genes(
    fit: AnyFit, topic: int, n: int = TOP, among: pd.Index | None = None
) -> list[list[str]]:
    """The genes that stand for a topic: those of the largest relevance, at lambda 0.6.

    Of a factor, two lists: those of its largest positive and those of its largest negative
    loadings. By probability alone, genes that are frequent in all cells would stand for every
    topic.

    Parameters
    ----------
    among
        Only these genes; all by default.
    """
    if fit.can("signs"):
        loading = ranking(fit, topic, "loading")["loading"]
        rankings = [loading[loading > 0].index, loading[loading < 0].index]
    else:
        rankings = [ranking(fit, topic, "relevance").index]
    if among is not None:
        rankings = [names[names.isin(among)] for names in rankings]
    return [list(map(str, names[:n])) for names in rankings]


def match(fit: AnyFit, other: AnyFit, n: int = TOP) -> Match:
    """Overlap of top genes, and correlation over the common cells, of all pairs of topics.

    Cells and genes are those of the same name. Of the genes that both fits model, the `top_genes`
    of each topic are compared; for factors, the end that overlaps more, since their signs are
    arbitrary. The correlation (Pearson) keeps its sign.
    """
    other = named_as(other, fit)
    genes = fit.genes[fit.is_gene].intersection(other.genes[other.is_gene])
    (one, of_one), (two, of_two) = (_indicators(f, n, genes) for f in (fit, other))
    common = one @ two.T
    union = one.sum(1)[:, None] + two.sum(1)[None, :] - common
    jaccard = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    overlap = np.zeros((fit.n_factors, other.n_factors))
    np.maximum.at(overlap, (of_one[:, None], of_two[None, :]), jaccard)
    here, there = common_cells(fit, other)
    rows, columns = pd.Index(fit.factor_names), pd.Index(other.factor_names)
    return Match(
        pd.DataFrame(overlap, rows, columns),
        pd.DataFrame(_correlation(fit, other, here, there), rows, columns),
        len(genes),
        len(here),
    )


def best_matches(comparison: Match) -> pd.DataFrame:
    """The best match among the topics of the other fit for each topic of the first.

    By the largest absolute correlation over the common cells; without common cells, by the
    overlap of the top genes.

    Returns
    -------
    One row a topic: ``match`` (name), ``place`` (its position), ``correlation``, ``overlap``; of a
    fit without topics or factors None, -1 and NaN.
    """
    overlap, correlation = comparison.overlap.to_numpy(), comparison.correlation.to_numpy()
    if not overlap.shape[1]:
        none = {"match": None, "place": -1, "correlation": np.nan, "overlap": np.nan}
        return pd.DataFrame(none, index=comparison.overlap.index)
    known = np.isfinite(correlation)
    place = np.where(known, np.abs(np.where(known, correlation, 0)), -1).argmax(1)
    without = ~known.any(1)
    place[without] = overlap[without].argmax(1)
    rows = np.arange(len(place))
    return pd.DataFrame(
        {
            "match": comparison.overlap.columns[place],
            "place": place,
            "correlation": correlation[rows, place],
            "overlap": overlap[rows, place],
        },
        index=comparison.overlap.index,
    )


def shared_genes(fit: AnyFit, topic: int, other: AnyFit, place: int, n: int = TOP) -> list[str]:
    """The top genes that two topics share, in the order of the first; see `match`."""
    other = named_as(other, fit)
    genes = fit.genes[fit.is_gene].intersection(other.genes[other.is_gene])
    pairs = [
        [gene for gene in one if gene in set(two)]
        for one in top_genes(fit, topic, n, genes)
        for two in top_genes(other, place, n, genes)
    ]
    return max(pairs, key=len)


def _indicators(fit: AnyFit, n: int, genes: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """(lists, genes) of zeros and ones, and the topic of each list."""
    lists = [(k, names) for k in range(fit.n_factors) for names in top_genes(fit, k, n, genes)]
    table = np.zeros((len(lists), len(genes)))
    for row, (_, names) in enumerate(lists):
        table[row, genes.get_indexer(pd.Index(names, dtype=object))] = 1
    return table, np.array([k for k, _ in lists], int)


def common_cells(fit: AnyFit, other: AnyFit) -> tuple[np.ndarray, np.ndarray]:
    """Positions in both fits of the cells of the same names, in the order of the first."""
    if fit.cells.equals(other.cells):
        return np.arange(len(fit.cells)), np.arange(len(fit.cells))
    there = other.cells.get_indexer(fit.cells)
    here = np.flatnonzero(there >= 0)
    return here, there[here]


def _correlation(fit: AnyFit, other: AnyFit, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    shape = fit.n_factors, other.n_factors
    if len(here) < _LEAST_CELLS:
        return np.full(shape, np.nan)
    one, two = scores(fit), scores(other)
    means = one[here].mean(0, dtype=float), two[there].mean(0, dtype=float)
    product, first, second = np.zeros(shape), np.zeros(shape[0]), np.zeros(shape[1])
    for start in range(0, len(here), _BLOCK):
        block = slice(start, start + _BLOCK)
        x, y = one[here[block]] - means[0], two[there[block]] - means[1]
        product += x.T @ y
        first += (x**2).sum(0)
        second += (y**2).sum(0)
    scale = np.sqrt(np.outer(first, second))
    # A topic whose proportion is the same in all cells varies by rounding alone.
    flat = np.sqrt(first / len(here)) <= 1e-6 * np.maximum(np.abs(means[0]), 1e-12)
    level = np.sqrt(second / len(here)) <= 1e-6 * np.maximum(np.abs(means[1]), 1e-12)
    varies = ~(flat[:, None] | level[None, :]) & (scale > 0)
    correlation = np.divide(product, scale, out=np.full(shape, np.nan), where=varies)
    return np.asarray(np.clip(correlation, -1, 1))
