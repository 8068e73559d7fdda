"""Selected cells against the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.results import AnyFit
from engine.summaries.positions import as_mask


class Contrast(NamedTuple):
    """Selected cells less the rest: tables with columns ``difference`` and ``effect``.

    ``factors`` is in prior standard deviations of z, or in proportions of topics, in their order;
    ``genes`` in CLR (nats), strongest effect first; for topics, see `contrast`.
    """

    factors: pd.DataFrame
    genes: pd.DataFrame


def contrast(fit: AnyFit, selected: np.ndarray) -> Contrast:
    """Differences between selected cells and the rest, as effect sizes.

    ``dz`` is the difference of the mean scores; a gene differs by ``w_g . dz``, the part of its CLR
    that the factors carry. An effect is a standardised mean difference, ``dz_j / sqrt(S_jj)`` or
    ``w_g . dz / sqrt(w_g' S w_g)``, where S is the pooled covariance of the posterior modes within
    the two groups plus the mean posterior variance of z, so that uncertain cells do not look alike.

    For topics, compares the proportions, and the CLR of the proportions of genes under them, in the
    order of `engine.lda.mixtures.differences`.

    There is no p-value: the cells were chosen by the same scores that are compared, so a test of no
    difference would be circular.

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
    return Contrast(*fit.contrast(mask))


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
    n_selected = np.bincount(codes[mask], minlength=len(cells))
    occurs = cells > 0
    names = np.array([np.nan, *known.categories], object)[occurs]
    cells, n_selected = cells[occurs], n_selected[occurs]
    table = pd.DataFrame(
        {
            "cells": cells,
            "selected": n_selected,
            "share_of_label": n_selected / cells,
            "share_of_selection": n_selected / max(int(n_selected.sum()), 1),
        },
        index=pd.Index(names, name=labels.name),
    )
    return table.sort_values(["selected", "cells"], ascending=False, kind="stable")
