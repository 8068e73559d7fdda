"""Uncertainty -> tidy tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.checks.uncertainty.result import Uncertainty
from engine.results import AnyFit

# Columns, and the fields of `CorrelationUncertainty` that they hold.
_PAIR = {
    "correlation": "correlation",
    "standard_error": "standard_error",
    "low_90": "low",
    "high_90": "high",
    "shrunken": "shrunken",
    "shrunken_low_90": "shrunken_low",
    "shrunken_high_90": "shrunken_high",
    "lfsr": "lfsr",
    "fsos": "fsos",
    "s_value": "s_value",
}


def pairs_table(fit: AnyFit, result: Uncertainty, genes: np.ndarray) -> pd.DataFrame:
    """One row a pair of genes (positions), the surest first: by fsos, then by lfsr."""
    names = np.asarray(fit.genes[genes])
    one, other = np.triu_indices(len(genes), 1)
    pairs = result.correlation(genes)
    columns = {name: getattr(pairs, field)[one, other] for name, field in _PAIR.items()}
    table = pd.DataFrame({"gene_1": names[one], "gene_2": names[other], **columns})
    return table.sort_values(["fsos", "lfsr"], kind="stable", ignore_index=True)
