"""Statistics of observed and replicated counts: sums over cells, and so a monoid.

Every array has a leading axis of ``n_draws + 1`` data sets, the observed one first: observed and
replicated counts go through the same arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np

from engine.checks.predictive.count_sums import PSEUDO_COUNT, Sums
from engine.checks.predictive.discrepancies import DISCREPANCIES

# Bins of counts: single counts at first, then each a quarter wider than its lower edge.
_SINGLE, _GROWTH, _LARGEST = 16, 1.25, 1e7
# Bins of total counts: eight to each doubling.
TOTAL_EDGES = 2 ** (np.arange(0, 8 * 27 + 1) / 8)
# Bins of the probability integral transform.
PIT_BINS = 200
_IN_CACHE = 2**17


def _count_edges() -> np.ndarray:
    edges = list(range(_SINGLE + 1))
    while edges[-1] < _LARGEST:
        edges.append(int(np.ceil(edges[-1] * _GROWTH)))
    return np.array(edges)


# Bin j holds the counts from edge j to below edge j + 1.
COUNT_EDGES = _count_edges()


@dataclass(frozen=True)
class Plan:
    """Statistics to compute beside every gene's own moments.

    Attributes
    ----------
    genes
        (D,) positions of the genes shown in detail.
    scale
        Total to which counts are normalised before they are correlated.
    """

    genes: np.ndarray
    scale: float


@dataclass(frozen=True)
class Replicates:
    """Observed and replicated counts of a few cells.

    Attributes
    ----------
    counts
        (b, R, G) float32, observed first.
    totals
        (b, R) total counts of the model, observed first; None if it has none.
    uniform
        (b, D) numbers from 0 to 1 that break ties of the observed counts with replicates.
    """

    counts: np.ndarray
    totals: np.ndarray | None
    uniform: np.ndarray


def zero(plan: Plan, n_draws: int, n_features: int, has_totals: bool) -> Sums:
    """Sums over no cells."""
    sets, detailed = n_draws + 1, len(plan.genes)
    moment, row = np.zeros((sets, n_features)), np.zeros(sets)
    return Sums(
        n_cells=0,
        count=moment,
        square=moment,
        present=moment,
        largest=moment,
        clr=moment,
        clr_square=moment,
        histogram=np.zeros((sets, detailed, len(COUNT_EDGES) - 1)),
        pit=np.zeros((detailed, PIT_BINS)),
        level=np.zeros((sets, detailed)),
        product=np.zeros((sets, detailed, detailed)),
        total_histogram=np.zeros((sets, len(TOTAL_EDGES) - 1 if has_totals else 0)),
        log_total=row,
        log_total_square=row,
        own={one.name: moment for one in DISCREPANCIES.values() if one.own is not None},
    )


def merged(parts: list[Sums]) -> Sums:
    """Sums over the cells of all parts, of which there is at least one."""
    return reduce(Sums.merge, parts)


def summed(replicates: Replicates, plan: Plan) -> Sums:
    """Sums over the cells of some replicates."""
    counts = replicates.counts
    sets = counts.shape[1]
    totals = np.empty(counts.shape[:2])
    moments = np.empty((6, *counts.shape[1:]))
    # Some data sets at a time: intermediate arrays stay in the processor's cache.
    step = max(1, _IN_CACHE // (len(counts) * counts.shape[2]))
    for start in range(0, sets, step):
        own = slice(start, start + step)
        totals[:, own] = counts[:, own].sum(2, dtype=np.float64)
        moments[:, own] = _moments(counts[:, own])
    detailed = counts[:, :, plan.genes]
    levels = np.log1p(detailed * (plan.scale / np.maximum(totals, 1))[:, :, None])
    total_histogram = np.zeros((sets, 0))
    log_total = np.zeros((1, sets))
    if replicates.totals is not None:
        total_histogram = _binned(replicates.totals[:, :, None], TOTAL_EDGES)[:, 0]
        log_total = np.log1p(replicates.totals)
    count, square, present, largest, clr, clr_square = moments
    return Sums(
        n_cells=len(counts),
        count=count,
        square=square,
        present=present,
        largest=largest,
        clr=clr,
        clr_square=clr_square,
        histogram=_binned(detailed, COUNT_EDGES),
        pit=_ranks(detailed, replicates.uniform),
        level=levels.sum(0),
        product=np.matmul(levels.transpose(1, 2, 0), levels.transpose(1, 0, 2)),
        total_histogram=total_histogram,
        log_total=log_total.sum(0),
        log_total_square=(log_total**2).sum(0),
        own={one.name: one.own(counts) for one in DISCREPANCIES.values() if one.own is not None},
    )


def _moments(counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """(b, R, G) -> the moments of `Sums`, in its order, (R, G) float32 each."""
    logs = np.log(counts + np.float32(PSEUDO_COUNT))
    logs -= logs.mean(2, keepdims=True)
    return (
        counts.sum(0),
        np.einsum("bsg,bsg->sg", counts, counts),
        np.minimum(counts, 1).sum(0),
        counts.max(0),
        logs.sum(0),
        np.einsum("bsg,bsg->sg", logs, logs),
    )


def _binned(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(b, R, D) values -> (R, D, bins) how many cells fall into each."""
    _, sets, width = values.shape
    bins = len(edges) - 1
    own = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    own += (np.arange(sets)[:, None] * width + np.arange(width)) * bins
    numbers = np.bincount(own.ravel(), minlength=sets * width * bins)
    return numbers.reshape(sets, width, bins).astype(float)


def _ranks(counts: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """(D, PIT_BINS): where the observed counts rank among replicates, ties broken at random.

    If observed and replicated counts are exchangeable the rank is uniform on 0 to 1, exactly
    (Dunn & Smyth 1996; Warton, Thibaut & Wang 2017).
    """
    observed, drawn = counts[:, :1], counts[:, 1:]
    below = (drawn < observed).sum(1)
    equal = (drawn == observed).sum(1)
    rank = (below + uniform * (equal + 1)) / (drawn.shape[1] + 1)
    bins = np.minimum((rank * PIT_BINS).astype(int), PIT_BINS - 1)
    width = counts.shape[2]
    own = bins + np.arange(width) * PIT_BINS
    return np.bincount(own.ravel(), minlength=width * PIT_BINS).reshape(width, -1).astype(float)
