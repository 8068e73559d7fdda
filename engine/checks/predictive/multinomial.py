"""Multinomial counts of many draws at once, exactly, at a cost that hardly grows with the total.

A multinomial given its total is a vector of independent Poisson counts that happen to add up to
it. So each row is drawn as Poisson counts of mean ``N p_g``, whose sum T misses N by some
``sqrt(N)``; then ``T - N`` of its counts, chosen uniformly, are taken out, or ``N - T`` drawn from
p are put in. Both are exact: given T the row is Mult(T, p), a uniform subset of its counts is
Mult(N, p), and so is it with independent counts added.

Most Poisson counts are zero. The first arrival of a unit-rate process tells which are not:
a count is above zero where it comes before the mean m, at time e, and the rest is Poisson(m - e).
"""

from __future__ import annotations

import numpy as np


def draw_multinomial(
    weights: np.ndarray, totals: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Rows of multinomial counts.

    Parameters
    ----------
    weights
        (S, G) float32, proportional to the probabilities; zero or more, not all zero in a row.
    totals
        (S,) whole numbers.

    Returns
    -------
    (S, G) float32; row s adds up to ``totals[s]``. Probabilities are as exact as float32 has them.
    """
    n_rows, width = weights.shape
    scale = totals / weights.sum(1, dtype=np.float64)
    mean = weights * scale[:, None].astype(np.float32)
    # The first arrival is at -log(1 - uniform).
    uniform = rng.random(mean.shape, dtype=np.float32).ravel()
    mean = mean.ravel()
    hits = np.flatnonzero(uniform < -np.expm1(-mean))
    rest = mean[hits] + np.log1p(-uniform[hits])
    counts = np.zeros(n_rows * width, np.float32)
    counts[hits] = 1 + rng.poisson(np.maximum(rest, 0))
    drawn = counts.reshape(weights.shape).sum(1, dtype=np.float64)
    excess = (drawn - totals).astype(np.int64)
    _take_out(counts, hits, drawn.astype(np.int64), np.maximum(excess, 0), rng)
    _put_in(counts, weights, np.maximum(-excess, 0), rng)
    return counts.reshape(weights.shape)


def _take_out(
    counts: np.ndarray,
    hits: np.ndarray,
    drawn: np.ndarray,
    excess: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Remove ``excess`` (S,) of the ``drawn`` (S,) counts of each row, any subset as likely."""
    ends = np.cumsum(drawn)
    taken = np.empty(0, np.int64)
    missing = excess
    # Numbers of counts, drawn until enough of them are distinct: a uniform subset.
    while missing.any():
        row = np.repeat(np.arange(len(missing)), missing)
        picked = (ends - drawn)[row] + rng.integers(drawn[row])
        taken = np.sort(np.concatenate([taken, picked]))
        taken = taken[np.diff(taken, prepend=-1) > 0]
        of_row = np.searchsorted(ends, taken, side="right")
        missing = excess - np.bincount(of_row, minlength=len(excess))
    number = np.cumsum(counts[hits], dtype=np.float64)
    np.subtract.at(counts, hits[np.searchsorted(number, taken, side="right")], 1)


def _put_in(
    counts: np.ndarray, weights: np.ndarray, missing: np.ndarray, rng: np.random.Generator
) -> None:
    """Add ``missing`` (S,) counts to the rows, drawn from their probabilities."""
    rows = np.flatnonzero(missing)
    if len(rows) == 0:
        return
    width = weights.shape[1]
    cumulative = np.cumsum(weights[rows], dtype=np.float64)
    ends = cumulative[width - 1 :: width]
    starts = np.concatenate([[0.0], ends[:-1]])
    place = np.repeat(np.arange(len(rows)), missing[rows])
    target = starts[place] + rng.random(len(place)) * (ends - starts)[place]
    found = np.searchsorted(cumulative, target, side="right")
    # Rounding may carry a target over the end of its row.
    column = np.minimum(found - place * width, width - 1)
    np.add.at(counts, rows[place] * width + column, 1)
