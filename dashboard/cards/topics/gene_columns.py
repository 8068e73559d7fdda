"""Bars and columns of the table for a ranking of genes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboard.cards.table import Column

TOPIC, FACTOR = "topic", "factor"
UNITS = {
    "probability": "p(gene | topic)",
    "relevance": "p(gene | topic), by relevance",
    "distinctiveness": "log2 fold change to the next best",
    "loading": "CLR loading (nats)",
}
NO_RATE = "– where no uncertainty was worked out"
COLUMNS = {
    TOPIC: (
        Column("Gene", width=70),
        Column("p %", "0.000", "Probability of the gene in the topic, percent", 52),
        Column("all %", "0.000", "Frequency of the gene in all cells, percent"),
        Column("lift", "0.00", "Probability in the topic / frequency in all cells"),
        Column("dist.", "0.00", "Log2 fold change against the next best topic"),
        Column("lfsr", "0.000", f"Local false sign rate of the lift, by the refits; {NO_RATE}", 46),
    ),
    FACTOR: (
        Column("Gene", width=110),
        Column("loading", "0.000", "CLR loading, nats for one standard deviation of the score", 62),
        Column("dist.", "0.00", "Log2 fold change beyond that of the next best factor"),
        Column("lfsr", "0.000", f"Local false sign rate of the loading; {NO_RATE}", 50),
    ),
}


def bars(ranked: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Columns ``value`` and, where they apply, ``behind`` and ``sign``."""
    if "loading" in ranked:
        sign = ranked["loading"]
        return pd.DataFrame({"value": ranked[measure], "sign": sign})
    if measure == "distinctiveness":
        return pd.DataFrame({"value": ranked["distinctiveness"]})
    return pd.DataFrame({"value": ranked["probability"], "behind": ranked["overall"]})


def values(ranked: pd.DataFrame) -> Sequence[Any]:
    """Values of each column of `COLUMNS`; shares in percent."""
    percent = [100 * ranked[name] for name in ("probability", "overall") if name in ranked]
    shown = ("lift", "loading", "distinctiveness")
    rest = [ranked[name] for name in shown if name in ranked]
    genes = [str(gene) for gene in ranked.index]
    sure = ranked["lfsr"] if "lfsr" in ranked else pd.Series(np.nan, ranked.index)
    return [genes, *(column.to_numpy() for column in (*percent, *rest, sure))]
