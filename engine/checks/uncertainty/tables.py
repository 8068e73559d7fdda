"""Uncertainty -> tidy tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.checks.uncertainty.result import Uncertainty
from engine.results import Fit

_PAIR = ("correlation", "standard_error", "low_90", "high_90", "lfsr")


def pairs_table(fit: Fit, found: Uncertainty, genes: np.ndarray) -> pd.DataFrame:
    """One row a pair of genes (positions), the surest sign first."""
    names = np.asarray(fit.genes[genes])
    one, other = np.triu_indices(len(genes), 1)
    pairs = found.correlation(genes)
    columns = dict(zip(_PAIR, (array[one, other] for array in pairs), strict=True))
    table = pd.DataFrame({"gene_1": names[one], "gene_2": names[other], **columns})
    return table.sort_values("lfsr", kind="stable", ignore_index=True)
