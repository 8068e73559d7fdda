"""Judges the values of a layer: counts, corrected counts or normalised values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from engine.data.matrices import Matrix
from engine.data.views import some_rows

WHOLE_TOLERANCE = 1e-4
CORRECTED, NORMALISED, LOGGED = "corrected", "normalised", "log-normalised"
CORRECTED_TEXT = "fractions, which look like corrected counts (SoupX, CellBender, alevin)"
LARGEST_LOG = 20.0
# Normalised counts are multiples of one step in each cell. Shares of cells and of values that
# must be, and fewest values of a cell.
SHARE_OF_CELLS = 0.8
SHARE_OF_VALUES = 0.95
FEWEST = 4
LOG_BASES = (np.e, 2.0, 10.0)
SMALLEST_COUNTS = (1, 2, 3)
# Shares of whole values, and of small ones near a whole number, that no normalisation leaves.
SHARE_WHOLE = 0.2
SHARE_NEAR = 0.65
SMALLEST = 1.5


@dataclass(frozen=True)
class Look:
    """Verdict on a sample of a layer's values: whether they may be counts, and why."""

    is_counts: bool
    text: str
    is_binary: bool = False
    kind: str = ""


def look_at(matrix: Matrix) -> Look:
    """Judge a layer by values from its start, middle and end."""
    values = matrix.sample()
    finite = np.isfinite(values)
    if not values.any():
        return Look(False, "only zeros")
    if not finite.all():
        return Look(False, "NaN or infinite values")
    if (values < 0).any():
        return Look(False, "negative values, which look scaled")
    if (np.abs(values - np.rint(values)) > WHOLE_TOLERANCE).any():
        kind = fractions(some_rows(matrix), values)
        text = CORRECTED_TEXT if kind == CORRECTED else f"fractions, which look {kind}"
        return Look(False, text, kind=kind)
    if values.max() <= 1:
        return Look(True, "only zeros and ones", is_binary=True)
    return Look(True, "whole numbers")


def fractions(rows: sparse.csr_matrix | None, values: np.ndarray) -> str:
    """Whether fractions are corrected counts, normalised counts or their logarithms.

    Normalised counts of a cell are multiples of one number, also before their logarithm was
    taken. A correction for ambient RNA subtracts a different number from every gene; an
    assignment of ambiguous reads leaves many values whole.

    Parameters
    ----------
    rows
        Some cells; None if only values are at hand.
    values
        Some of the values, without their cells.
    """
    some = np.asarray(values, dtype=np.float64).ravel()
    some = some[some > 0]
    looks_logged = bool(some.max() < LARGEST_LOG)
    if rows is not None and rows.nnz:
        cells = [
            np.asarray(rows.data[a:b], dtype=np.float64)
            for a, b in zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
            if b - a >= FEWEST
        ]
        if looks_logged and any(_share(cells, base) > SHARE_OF_CELLS for base in LOG_BASES):
            return LOGGED
        if _share(cells) > SHARE_OF_CELLS:
            return NORMALISED
        sums = np.array([cell.sum() for cell in cells])
        if len(sums) > 2 and sums.std() < 1e-3 * sums.mean():
            return NORMALISED
    squares = some**2
    if np.mean(np.abs(squares - np.rint(squares)) <= 1e-3) >= SHARE_OF_VALUES:
        # Square roots of counts.
        return NORMALISED
    whole = np.abs(some - np.rint(some)) <= WHOLE_TOLERANCE
    if whole.mean() >= SHARE_WHOLE:
        return CORRECTED
    if not looks_logged:
        # Corrected counts have small values, of single reads; without cells it is not judged.
        return CORRECTED if rows is not None and some.min() < SMALLEST else NORMALISED
    small = some[some < 2.5]
    near = np.abs(small - np.maximum(np.rint(small), 1)) < 0.25
    return CORRECTED if len(small) and near.mean() >= SHARE_NEAR else LOGGED


def _share(cells: list[np.ndarray], base: float | None = None) -> float:
    """Share of the cells whose values are multiples of one step, once the logarithm is undone."""
    undone = cells if base is None else [np.power(base, cell) - 1 for cell in cells]
    return float(np.mean([_multiples(values) for values in undone])) if undone else 0.0


def _multiples(values: np.ndarray) -> bool:
    """Whether the values of a cell are multiples of one step that is not itself a count."""
    smallest = values.min()
    if not np.isfinite(values).all() or smallest <= 0:
        return False
    # Single precision rounds large multiples too much: judge the small ones.
    small = values[values <= 50 * smallest]
    if len(small) < FEWEST:
        return False
    for count in SMALLEST_COUNTS:
        multiples = small / smallest * count
        if np.mean(np.abs(multiples - np.rint(multiples)) < 0.02) >= SHARE_OF_VALUES:
            return abs(smallest / count - 1) > 1e-3
    return False
