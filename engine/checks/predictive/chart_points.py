"""Tables of a predictive check -> points and bars for charts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
import pandas as pd

from engine.checks.missed import MissedPairs
from engine.checks.predictive.check_tables import BANDS
from engine.checks.predictive.interpretation import LEAST_CORRELATION, LEVEL, misfits

BarKind = Literal["histogram", "rootogram", "ecdf"]
# A hanging bar ends lower the larger its value, so that the ends of bands swap.
_TURNED = {"low_90": "high_90", "low_50": "high_50", "high_50": "low_50", "high_90": "low_90"}
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
    table = rows.assign(mean=rows["gene"].map(mean), misfit=rows.index.isin(misfits(rows).index))
    columns = ["gene", "mean", *_VALUES, "p_value", "q_value", "misfit"]
    return table[columns].reset_index(drop=True)


def pair_points(pairs: pd.DataFrame, group: str) -> pd.DataFrame:
    """One row a pair: its correlation with bands, and ``misfit``: q at most 0.05, 0.1 off or more.

    Parameters
    ----------
    pairs
        `PredictiveCheck.pairs`.
    """
    rows = pairs[pairs["group"] == group].reset_index(drop=True)
    far = (rows["observed"] - rows["predicted"]).abs() >= LEAST_CORRELATION
    return rows.assign(misfit=(rows["q_value"] <= LEVEL) & far)


def missed_points(missed: MissedPairs | None) -> pd.DataFrame:
    """One row for each of the pairs that are furthest off; none if pairs were not tested.

    ``q_value`` is the p-value of `MissedPairs.table`, which allows for all pairs.
    """
    if missed is None:
        names = ["gene", "other", "observed", "predicted", "low_90", "high_90"]
        empty = {name: np.zeros(0) for name in (*names, "q_value")}
        return pd.DataFrame(empty | {"misfit": np.zeros(0, bool)})
    return missed.table.rename(columns={"p_value": "q_value"})


def misfit_table(genes: pd.DataFrame, group: str) -> pd.DataFrame:
    """The rows of ``PredictiveCheck.genes`` of one group, with ``misfit``."""
    rows = genes[genes["group"] == group].reset_index(drop=True)
    return rows.assign(misfit=rows.index.isin(misfits(rows).index))


def count_bars(
    distributions: pd.DataFrame, group: str, genes: Iterable[str], kind: BarKind
) -> pd.DataFrame:
    """Cells by their counts of some genes, as charts draw them: one row a gene and bin.

    Heights of a ``"histogram"`` are square roots of the cells per count, as most cells of most
    genes are in the first bins, and wide bins would look like a bump; ``"ecdf"`` has the share of
    cells up to the bin. Bars of a hanging ``"rootogram"`` (Tukey 1972; Kleiber & Zeileis 2016, The
    American Statistician 70) of height sqrt(observed) hang from sqrt(predicted), both per count: a
    bar that ends above zero has fewer cells than predicted, one that ends below zero has more.

    Parameters
    ----------
    distributions
        `PredictiveCheck.distributions`.
    genes
        Genes that the table does not have are left out.

    Returns
    -------
    ``gene``; ``line``: the predicted height, from which a rootogram hangs; ``seen``: the observed
    height, or the end of a rootogram's bar; the bands ``low_90`` to ``high_90`` of ``seen``; all of
    these as drawn. Then in words the ``range`` of counts and, not as drawn, ``observed``,
    ``predicted``, and ``from`` and ``to``, which hold 90 % of the draws.
    """
    wanted = list(dict.fromkeys(genes))
    own = distributions[(distributions["group"] == group) & distributions["gene"].isin(wanted)]
    known = {str(gene): rows for gene, rows in own.groupby("gene", observed=True, sort=False)}
    parts = [_bars(known[gene], kind) for gene in wanted if gene in known]
    return pd.concat(parts, ignore_index=True) if parts else _bars(own, kind)


def _bars(bins: pd.DataFrame, kind: BarKind) -> pd.DataFrame:
    used = np.flatnonzero((bins["observed"] > 0) | (bins["high_90"] > 0))
    bins = bins.iloc[: used[-1] + 1 if len(used) else 1]
    low, high = bins["low"].to_numpy(), bins["high"].to_numpy() - 1
    source = bins.filter(like="ecdf_").rename(columns=lambda name: name[5:])
    source = source if kind == "ecdf" else bins
    values = {name: source[name].to_numpy(float) for name in _VALUES}
    shown = values
    if kind != "ecdf":
        shown = {name: np.sqrt(value / (high - low + 1)) for name, value in values.items()}
    observed, line = shown["observed"], shown["predicted"]
    bands = {name: shown[name] for name in BANDS}
    if kind == "rootogram":
        observed = line - observed
        bands = {name: line - shown[other] for name, other in _TURNED.items()}
    words = [
        f"{a:,.0f}" if a == b else f"{a:,.0f}–{b:,.0f}" for a, b in zip(low, high, strict=True)
    ]
    return pd.DataFrame(
        {
            "gene": bins["gene"].astype(str),
            "line": line,
            "seen": observed,
            **bands,
            "range": words,
            "observed": values["observed"],
            "predicted": values["predicted"],
            "from": values["low_90"],
            "to": values["high_90"],
        }
    )
