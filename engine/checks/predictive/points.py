"""Tables of a predictive check -> points and bars as charts have them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.checks.predictive.findings import LEAST_CORRELATION, LEVEL, misfits
from engine.checks.predictive.tables import BANDS

_VALUES = ["observed", "predicted", *BANDS]


def gene_points(genes: pd.DataFrame, discrepancy: str, group: str) -> pd.DataFrame:
    """One row a gene: a discrepancy with its bands, the observed ``mean`` and ``misfit``.

    Parameters
    ----------
    genes
        `PredictiveCheck.genes`.
    """
    own = genes[genes["group"] == group]
    mean = own[own["discrepancy"] == "mean"].set_index("gene")["observed"]
    rows = own[own["discrepancy"] == discrepancy]
    found = rows.assign(mean=rows["gene"].map(mean), misfit=rows.index.isin(misfits(rows).index))
    columns = ["gene", "mean", *_VALUES, "p_value", "q_value", "misfit"]
    return found[columns].reset_index(drop=True)


def pair_points(pairs: pd.DataFrame, group: str) -> pd.DataFrame:
    """One row a pair: its correlation with bands, and ``misfit``: q at most 0.05 and 0.1 off.

    Parameters
    ----------
    pairs
        `PredictiveCheck.pairs`.
    """
    rows = pairs[pairs["group"] == group].reset_index(drop=True)
    far = (rows["observed"] - rows["predicted"]).abs() >= LEAST_CORRELATION
    return rows.assign(misfit=(rows["q_value"] <= LEVEL) & far)


def misfit_table(genes: pd.DataFrame, group: str) -> pd.DataFrame:
    """The rows of ``PredictiveCheck.genes`` of one group, with ``misfit``."""
    rows = genes[genes["group"] == group].reset_index(drop=True)
    return rows.assign(misfit=rows.index.isin(misfits(rows).index))


def rootogram(bins: pd.DataFrame) -> pd.DataFrame:
    """A hanging rootogram (Tukey 1972; Kleiber & Zeileis 2016, The American Statistician 70).

    Bars of height sqrt(observed) hang from sqrt(predicted): where one ends above zero there are
    fewer cells than predicted, and more where it ends below.

    Parameters
    ----------
    bins
        Rows of `PredictiveCheck.distributions`.

    Returns
    -------
    ``top`` and ``end`` of each bar, and the bands ``low_90`` to ``high_90`` in which 90 % and
    50 % of the draws have its end; square roots of numbers of cells.
    """
    top = np.sqrt(bins["predicted"].to_numpy(float))
    below = {"low_90": "high_90", "low_50": "high_50", "high_50": "low_50", "high_90": "low_90"}
    bands = {name: top - np.sqrt(bins[other].to_numpy(float)) for name, other in below.items()}
    end = top - np.sqrt(bins["observed"].to_numpy(float))
    return pd.DataFrame({"top": top, "end": end, **bands}, index=bins.index)
