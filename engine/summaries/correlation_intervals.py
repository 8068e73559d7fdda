"""Intervals from the draws that a fit by NUTS saves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.errors import DataError
from engine.results import Fit
from engine.summaries.correlation import clr_correlation
from engine.validation import share


def clr_correlation_interval(fit: Fit, genes: Iterable[str], *, level: float = 0.9) -> pd.DataFrame:
    """Posterior mean and central interval of the CLR correlation of every pair of the genes.

    At most 200 draws are saved, so that the ends of an interval are known to about 2 % of
    probability only: take no higher level than 0.95.

    Parameters
    ----------
    fit
        By ``inference="nuts"``.
    level
        Posterior probability inside, 0 to below 1.

    Returns
    -------
    DataFrame
        One row a pair: ``gene``, ``other``, ``mean``, ``lower``, ``upper``.

    Raises
    ------
    DataError
        If the fit has no draws, or a name is not among the modelled genes.
    ConfigError
        If the level is out of range.
    """
    share("level", level)
    if not fit.draws:
        raise DataError(
            "a fit that keeps draws of its posterior",
            f"one by inference={fit.config.inference!r} without any",
            "Fit with inference='nuts', on few enough genes and factors.",
        )
    names = list(genes)
    rows, columns = np.triu_indices(len(names), 1)
    matrices = [
        clr_correlation(replace(fit, loadings=loadings, noise=noise), names).to_numpy()
        for loadings, noise in zip(fit.draws["loadings"], fit.draws["noise"], strict=True)
    ]
    drawn = np.stack(matrices)[:, rows, columns]
    lower, upper = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    labels = np.array(names, dtype=object)
    return pd.DataFrame(
        {
            "gene": labels[rows],
            "other": labels[columns],
            "mean": drawn.mean(0),
            "lower": lower,
            "upper": upper,
        }
    )
