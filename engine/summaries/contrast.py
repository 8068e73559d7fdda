"""Selected cells against the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.lda import mixtures
from engine.per_fit import per_fit
from engine.results import AnyFit, Fit, TopicFit
from engine.summaries.loadings import loadings
from engine.summaries.names import as_mask

# Cells at a time in double precision.
_BLOCK = 16_384


class Contrast(NamedTuple):
    """Selected cells less the rest: tables with columns ``difference`` and ``effect``.

    ``factors`` is in prior standard deviations of z, or in proportions of topics, in their order;
    ``genes`` in CLR (nats), strongest effect first; of topics, as `contrast` says.
    """

    factors: pd.DataFrame
    genes: pd.DataFrame


class _Totals(NamedTuple):
    sum: np.ndarray
    products: np.ndarray
    variance: np.ndarray


def contrast(fit: AnyFit, selected: np.ndarray) -> Contrast:
    """What distinguishes selected cells from the rest, as effect sizes.

    ``dz`` is the difference of the mean scores; a gene differs by ``w_g . dz``, the part of its CLR
    that the factors carry. An effect is a standardised mean difference,
    ``dz_j / sqrt(S_jj)`` or ``w_g . dz / sqrt(w_g' S w_g)``, where S is the pooled covariance of
    the posterior modes within the two groups plus the mean posterior variance of z, so that
    cells of which little is known do not look alike.

    Of topics, the proportions are compared, and the CLR of the proportions that they give to
    genes, in the order that `engine.lda.mixtures.differences` explains.

    There is no p-value: the cells were chosen by looking at the very scores that are
    compared, so any test of no difference would be answered before it is asked.

    Parameters
    ----------
    selected
        (C,) mask with at least one cell on either side.

    Raises
    ------
    DataError
        If it is not a mask of this fit's cells, or all or none are selected.
    """
    mask = as_mask(fit, selected)
    n_all, n_selected = len(mask), int(np.count_nonzero(mask))
    if not 0 < n_selected < n_all:
        raise DataError(
            "some cells selected and some not",
            f"{n_selected:,} of {n_all:,} selected",
            "Select fewer cells." if n_selected else "Select some cells.",
        )
    if isinstance(fit, TopicFit):
        return Contrast(*mixtures.differences(fit, mask))
    totals = _totals(fit)
    # The smaller side is added up, the other is what remains.
    smaller = 2 * n_selected <= n_all
    part = fit.scores[np.flatnonzero(mask if smaller else ~mask)].astype(np.float64)
    n_part, of_part = len(part), part.sum(0)
    mean_part = of_part / n_part
    mean_rest = (totals.sum - of_part) / (n_all - n_part)
    within = totals.products - n_part * np.outer(mean_part, mean_part)
    within -= (n_all - n_part) * np.outer(mean_rest, mean_rest)
    covariance = within / max(n_all - 2, 1) + np.diag(totals.variance)
    change = (mean_part - mean_rest) * (1 if smaller else -1)

    table = loadings(fit)
    weights = table.to_numpy()
    variance = np.einsum("gj,jk,gk->g", weights, covariance, weights, optimize=True)
    genes = _effects(weights @ change, variance, table.index)
    factors = _effects(change, np.diag(covariance), table.columns)
    order = np.argsort(-np.abs(genes["effect"].to_numpy()), kind="stable")
    return Contrast(factors, genes.iloc[order])


def label_counts(labels: pd.Series, selected: np.ndarray) -> pd.DataFrame:
    """How the selected cells spread over labels.

    Parameters
    ----------
    labels
        One label a cell; a missing one is a label of its own, NaN.
    selected
        Mask of the same length.

    Returns
    -------
    One row a label that occurs, the one with most selected cells first: ``cells``, ``selected``,
    ``share_of_label`` (selected / cells) and ``share_of_selection`` (of all selected cells).

    Raises
    ------
    DataError
        If the mask has another length.
    """
    mask = np.asarray(selected, bool)
    if mask.shape != (len(labels),):
        raise DataError(
            f"a mask of {len(labels):,} cells", f"shape {mask.shape}", "Give one value a cell."
        )
    known = pd.Categorical(labels)
    # a missing label has code -1
    codes = known.codes.astype(np.int32) + 1
    cells = np.bincount(codes, minlength=len(known.categories) + 1)
    chosen = np.bincount(codes[mask], minlength=len(cells))
    occurs = cells > 0
    names = np.array([np.nan, *known.categories], object)[occurs]
    cells, chosen = cells[occurs], chosen[occurs]
    table = pd.DataFrame(
        {
            "cells": cells,
            "selected": chosen,
            "share_of_label": chosen / cells,
            "share_of_selection": chosen / max(int(chosen.sum()), 1),
        },
        index=pd.Index(names, name=labels.name),
    )
    return table.sort_values(["selected", "cells"], ascending=False, kind="stable")


@per_fit
def _totals(fit: Fit) -> _Totals:
    width = fit.n_factors
    total, products, squares = np.zeros(width), np.zeros((width, width)), np.zeros(width)
    for start in range(0, len(fit.scores), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores, sd = fit.scores[block].astype(np.float64), fit.scores_sd[block].astype(np.float64)
        total += scores.sum(0)
        products += scores.T @ scores
        squares += np.einsum("cj,cj->j", sd, sd)
    return _Totals(total, products, squares / len(fit.scores))


def _effects(difference: np.ndarray, variance: np.ndarray, index: pd.Index) -> pd.DataFrame:
    scale = np.sqrt(np.maximum(variance, 0))
    effect = np.divide(difference, scale, out=np.zeros_like(difference), where=scale > 0)
    return pd.DataFrame({"difference": difference, "effect": effect}, index=index)
