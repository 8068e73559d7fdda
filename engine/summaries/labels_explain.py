"""Which labels of the cells explain the scores of a factor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import fdtrc

from engine.per_fit import per_fit
from engine.results import AnyFit
from engine.summaries.topics_cells import MOST_LABELS

# Adjusted R² from which a label explains a factor.
MUCH = 0.5
# Probability that any label of any factor explains as much by chance, at most.
_CHANCE = 1e-3
# Values that are read first to tell numbers from groups.
_SOME = 10_000
# Advice beside `label_words`.
LABEL_ADVICE = (
    "A percentage is the adjusted R² of a factor's scores on a label: the share of their variance "
    "between its groups, or of a number their squared correlation. If the label is technical "
    "(batch, sample, donor, plate), the factor may be that rather than biology: take the label as "
    "a covariate, which leaves it out of the factors, or look at the factor within one group."
)


@per_fit
def label_shares(fit: AnyFit) -> pd.DataFrame:
    """Share of the variance of each factor's scores that each column of obs explains.

    For a column of numbers, this is their squared correlation with the scores; whole numbers of at
    most `MOST_LABELS` different values are groups, as batches are often numbered. Cells without a
    label are left out. So are columns of one value, and of as many groups as cells.

    Returns
    -------
    One row a factor (its position, from 0) and label, indexed by both: ``groups`` (0 of numbers),
    ``cells`` that have the label, ``share`` (R²), ``adjusted`` (R² less what as many groups explain
    by chance) and ``p_value`` (F test). Cached for each fit; do not change it.
    """
    return shares_of(fit.cell_weights(), fit.obs)


def shares_of(scores: np.ndarray, obs: pd.DataFrame) -> pd.DataFrame:
    """`label_shares` of any scores (C, k) of cells and their labels, one row a cell."""
    scores = scores.astype(np.float64)
    scores -= scores.mean(0)
    tables = []
    for place in range(obs.shape[1]):
        column = obs.iloc[:, place]
        known, values, groups = _read(column)
        own = scores if known.all() else scores[known]
        freedom = max(groups, 2) - 1
        if groups == 1 or len(own) <= freedom + 1:
            continue
        rows = {"factor": range(scores.shape[1]), "label": str(column.name), "groups": groups}
        rows |= {"cells": len(own), "share": _shares(own, values, groups), "freedom": freedom}
        tables.append(pd.DataFrame(rows))
    names = ["factor", "label", "groups", "cells", "share", "freedom"]
    table = pd.concat(tables) if tables else pd.DataFrame(columns=names)
    table = table.set_index(["factor", "label"]).sort_index(level="factor", sort_remaining=False)
    share, spent = table["share"].to_numpy(float), table.pop("freedom").to_numpy(float)
    rest = table["cells"].to_numpy(float) - spent - 1
    table["adjusted"] = 1 - (1 - share) * (rest + spent) / rest
    with np.errstate(divide="ignore"):
        ratio = share / spent / ((1 - share) / rest)
    return table.assign(p_value=fdtrc(spent, rest, ratio))


def telling_labels(fit: AnyFit) -> pd.DataFrame:
    """The rows of `label_shares` that explain a factor, by factor, the largest first in each.

    Their adjusted R² is at least `MUCH`, and not by chance.
    """
    table = label_shares(fit)
    much = (table["adjusted"] >= MUCH) & (table["p_value"] * max(len(table), 1) < _CHANCE)
    order = ["factor", "adjusted"]
    return table[much].sort_values(order, ascending=[True, False], kind="stable")


def label_words(fit: AnyFit, names: Sequence[str] = ()) -> dict[int, str]:
    """The labels of each factor that labels explain: ``"factor 2 is 71 % sample, 60 % donor"``.

    Parameters
    ----------
    names
        Of the factors; those of the fit by default.
    """
    called = list(names) or fit.factor_names
    return {
        factor: f"{called[factor]} is {', '.join(parts)}"
        for factor, parts in label_parts(fit).items()
    }


def label_parts(fit: AnyFit) -> dict[int, list[str]]:
    """The share of each label in each factor that labels explain: ``"71 % sample"``."""
    said: dict[int, list[str]] = {}
    for row in telling_labels(fit).reset_index().to_dict("records"):
        words = f"{100 * row['adjusted']:.0f} % {row['label']}"
        said.setdefault(int(row["factor"]), []).append(words)
    return said


def _read(column: pd.Series) -> tuple[np.ndarray, np.ndarray, int]:
    """Mask of the cells with a value, their values or codes, and number of groups (numbers: 0)."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        known = np.isfinite(numbers)
        numbers = numbers[known]
        # Reading some first saves a pass over millions of different ones.
        for some in (numbers[:_SOME], numbers):
            codes, different = pd.factorize(some)
            if len(different) > MOST_LABELS or (different % 1 != 0).any():
                return known, numbers, int(np.ptp(numbers) == 0)
    else:
        codes, labels = pd.factorize(column)
        known = codes >= 0
        codes, different = codes[known], np.asarray(labels)
    return known, codes, max(len(different), 1)


def _shares(scores: np.ndarray, values: np.ndarray, groups: int) -> np.ndarray:
    """(k,) R² of the values, or of the groups of these codes, in the scores (C, k)."""
    n = len(scores)
    mean = scores.mean(0)
    total = np.einsum("cj,cj->j", scores, scores) - n * mean**2
    if groups:
        # As a sparse product, all factors at once: a bincount takes as long for each of them.
        member = sparse.csc_matrix((np.ones(n), values, np.arange(n + 1)), shape=(groups, n))
        cells = np.bincount(values, minlength=groups)
        means = np.asarray(member @ scores) / cells[:, None]
        between = cells @ (means - mean) ** 2
    else:
        # Squares of large numbers would overflow.
        numbers = values / np.abs(values).max()
        numbers -= numbers.mean()
        between = (numbers @ scores) ** 2 / (numbers @ numbers)
    share = np.divide(between, total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(share.clip(0, 1))
