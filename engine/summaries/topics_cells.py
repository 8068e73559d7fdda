"""Topics or factors across cells and labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.results import AnyFit
from engine.summaries.loading_tables import scores
from engine.summaries.topics import check_topic

MOST_LABELS = 40
MISSING = "missing"
# Least number of cells drawn of each group, if it has them, however small its share.
_LEAST = 10


class LabelMeans(NamedTuple):
    """Topics against labels.

    Attributes
    ----------
    means
        Topics x labels: mean proportion of the topic, or mean score of the factor.
    specificity
        Of each topic: 0 if it is equal in all labels, 1 if it is in one of them alone.
    cells
        Number of cells of each label.
    """

    means: pd.DataFrame
    specificity: pd.Series
    cells: pd.Series


def grouping_columns(fit: AnyFit) -> list[str]:
    """Columns of obs that are labels: not numbers, with 2 to `MOST_LABELS` different values."""
    return [
        str(name)
        for name in fit.obs.columns
        if fit.obs[name].dtype.kind not in "fiu" and 1 < fit.obs[name].nunique() <= MOST_LABELS
    ]


def structure(
    fit: AnyFit, column: str | None = None, most: int = 2000, *, seed: int = 0
) -> pd.DataFrame:
    """Proportions (or scores) of cells, ordered so that similar cells are adjacent.

    Within each group, cells are ordered by their largest topic, and then by its proportion, largest
    first; topics are ordered by the number of cells of the group in which they are largest. For
    factors, the largest is that of largest absolute value, and positive scores come first.

    Parameters
    ----------
    column
        Labels that group the cells, in sorted (or categorical) order; None: one group.
    most
        If there are more cells, so many are drawn at random: of each group in proportion, but up to
        ten of a small one, so that there may be a few more.
    seed
        Of the drawing.

    Returns
    -------
    One row a cell, indexed by ``group`` and ``cell``; columns are the topics.

    Raises
    ------
    DataError
        If there is no such column.
    """
    codes, names = _groups(fit, column)
    cells = _drawn(codes, len(names), most, seed)
    weights, codes = scores(fit)[cells].astype(float), codes[cells]
    size = np.abs(weights)
    leader = size.argmax(1)
    top = weights[np.arange(len(cells)), leader]
    order = []
    for group in range(len(names)):
        here = np.flatnonzero(codes == group)
        led = np.bincount(leader[here], minlength=weights.shape[1])
        rank = np.argsort(np.argsort(-led, kind="stable"), kind="stable")
        order.append(here[np.lexsort((-top[here], rank[leader[here]]))])
    rows = np.concatenate(order) if order else np.zeros(0, int)
    index = pd.MultiIndex.from_arrays(
        [np.asarray(names, object)[codes[rows]], fit.cells[cells[rows]]],
        names=["group", "cell"],
    )
    return pd.DataFrame(weights[rows], index=index, columns=fit.factor_names)


def label_means(fit: AnyFit, column: str) -> LabelMeans:
    """Mean proportion of every topic in the cells of every label, and its specificity.

    With q the means of a topic over the L labels, divided by their sum, specificity is
    ``1 - H(q) / log L`` (Schug et al. 2005); labels count alike, however many cells they have. For
    factors, whose scores have signs, it is the share of the variance of the scores between the
    labels (eta squared).

    Raises
    ------
    DataError
        If there is no such column.
    """
    codes, names = _groups(fit, column)
    weights = scores(fit)
    cells = np.bincount(codes, minlength=len(names))
    sums = np.stack([weights[codes == j].sum(0, dtype=float) for j in range(len(names))])
    means = sums / cells[:, None]
    specificity = fit.specificity(sums, cells)
    topics = fit.factor_names
    labels = pd.Index(names, name=column)
    return LabelMeans(
        pd.DataFrame(means.T, index=topics, columns=labels),
        pd.Series(np.clip(specificity, 0, 1), index=topics, name="specificity"),
        pd.Series(cells, index=labels, name="cells"),
    )


def top_cells(fit: AnyFit, topic: int, n: int = 100) -> pd.DataFrame:
    """The n cells with the largest proportion of a topic, or largest absolute score, first.

    Returns
    -------
    One row a cell: its ``position`` in the fit, ``weight`` (proportion or score) and
    ``total_counts``.

    Raises
    ------
    DataError
        If there is no such topic.
    """
    check_topic(fit, topic)
    weights = scores(fit)[:, topic]
    size = np.abs(weights)
    if n < len(size):
        # All that tie with the last one; the first of these are taken.
        near = np.flatnonzero(size >= np.partition(size, -n)[-n]) if n else np.zeros(0, int)
    else:
        near = np.arange(len(size))
    best = near[np.argsort(-size[near], kind="stable")][:n]
    return pd.DataFrame(
        {"position": best, "weight": weights[best], "total_counts": fit.total_counts[best]},
        index=fit.cells[best].rename("cell"),
    )


def _groups(fit: AnyFit, column: str | None) -> tuple[np.ndarray, list[str]]:
    """(C,) codes of the groups that occur, and their names."""
    if column is None:
        return np.zeros(len(fit.cells), int), ["all cells"]
    if column not in fit.obs:
        raise DataError(
            f"a column of obs ({', '.join(map(str, fit.obs.columns)) or 'there is none'})",
            repr(column),
            "Choose one of these.",
        )
    categorical = pd.Categorical(fit.obs[column])
    codes = np.asarray(categorical.codes, int)
    names = [str(name) for name in categorical.categories]
    codes[codes < 0] = len(names)
    present, dense = np.unique(codes, return_inverse=True)
    return dense, [[*names, MISSING][code] for code in present]


def _drawn(codes: np.ndarray, groups: int, most: int, seed: int) -> np.ndarray:
    """Sorted positions of at most so many cells, of every group in proportion."""
    if len(codes) <= most:
        return np.arange(len(codes))
    order = np.random.default_rng(seed).permutation(len(codes))
    parts = []
    for group in range(groups):
        own = order[codes[order] == group]
        parts.append(own[: max(int(most * len(own) / len(codes)), min(_LEAST, len(own)))])
    return np.sort(np.concatenate(parts))
