"""Sums over cells of observed and replicated counts, from which every statistic is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

# Added to every count before its logarithm is centred: the CLR of a zero is finite.
PSEUDO_COUNT = 0.5


@dataclass(frozen=True)
class Sums:
    """Sums over cells; R data sets, G features, D genes in detail, float64.

    Attributes
    ----------
    n_cells
        Cells added up.
    count, square, present, largest
        (R, G) sums of counts and of their squares, cells with counts, largest count.
    clr, clr_square
        (R, G) sums of the centred ``log(count + PSEUDO_COUNT)`` and of its square.
    histogram
        (R, D, bins) cells by `COUNT_EDGES`.
    pit
        (D, PIT_BINS) cells by the rank of their count among replicates, 0 to 1.
    level, product
        (R, D) and (R, D, D) sums of ``log(1 + count scale / total)`` and of its products.
    total_histogram
        (R, bins) cells by `TOTAL_EDGES`; empty where the model has no totals.
    log_total, log_total_square
        (R,) sums of log(1 + total) and of its square.
    own
        (R, G) additional sums of discrepancies, by their names.
    """

    n_cells: int
    count: np.ndarray
    square: np.ndarray
    present: np.ndarray
    largest: np.ndarray
    clr: np.ndarray
    clr_square: np.ndarray
    histogram: np.ndarray
    pit: np.ndarray
    level: np.ndarray
    product: np.ndarray
    total_histogram: np.ndarray
    log_total: np.ndarray
    log_total_square: np.ndarray
    own: Mapping[str, np.ndarray]

    def merge(self, other: Sums) -> Sums:
        """Sums over the cells of both."""
        values: dict[str, Any] = {
            "own": {name: one + other.own[name] for name, one in self.own.items()}
        }
        for field in fields(self)[:-1]:
            one, two = getattr(self, field.name), getattr(other, field.name)
            values[field.name] = np.maximum(one, two) if field.name == "largest" else one + two
        return Sums(**values)
