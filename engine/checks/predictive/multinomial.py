"""Multinomial counts of many draws at once, exactly, at a cost that hardly grows with the total.

A multinomial given its total is a vector of independent Poisson counts that happen to add up to it.
So each row is drawn as Poisson counts of mean ``N p_g``, whose sum T differs from N by about
``sqrt(N)``; then ``T - N`` of its counts, chosen uniformly, are taken out, or ``N - T`` drawn from
p are put in. Both are exact: given T the row is Mult(T, p), a uniform subset of its counts is
Mult(N, p), and so is its sum with independent counts.

Work on all elements is NumPy's arithmetic on whole arrays; work on few is a compiled loop. Both
leave the interpreter to other threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Up to this mean inversion is quicker than NumPy's method.
_LARGE = 50.0
# A count of that mean is higher with probability 1e-50.
_HIGHEST = 200
_INVERSE = 1 / np.maximum(np.arange(_HIGHEST + 1), 1)


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
    (S, G) float32; row s adds up to ``totals[s]``. Probabilities are exact to float32.
    """
    scale = totals / weights.sum(1, dtype=np.float64)
    mean = weights * scale[:, None].astype(np.float32)
    # Probabilities of one count or more.
    some = np.negative(mean)
    np.negative(np.expm1(some, out=some), out=some)
    counts = np.zeros(mean.shape, np.float32)
    large = np.flatnonzero(mean > _LARGE)
    counts.ravel()[large] = rng.poisson(mean.ravel()[large])
    some.ravel()[large] = 0
    _draw(counts, mean, some, totals.astype(int), rng)
    return counts


@njit(nogil=True, cache=True)
def _draw(
    counts: np.ndarray,
    mean: np.ndarray,
    some: np.ndarray,
    totals: np.ndarray,
    rng: np.random.Generator,
) -> None:
    n_rows, width = counts.shape
    for s in range(n_rows):
        drawn = 0
        for g in range(width):
            uniform = rng.random()
            if uniform < some[s, g]:
                counts[s, g] = _above_zero(mean[s, g], uniform / some[s, g])
            drawn += int(counts[s, g])
        if drawn > totals[s]:
            _take_out(counts[s], drawn, totals[s], rng)
        elif drawn < totals[s]:
            _put_in(counts[s], mean[s], totals[s] - drawn, rng)


@njit(nogil=True, cache=True)
def _above_zero(mean: float, uniform: float) -> int:
    """A Poisson count that is not zero, by inversion of its distribution."""
    none = np.exp(-float(mean))
    left = uniform * (1 - none)
    exactly = mean * none
    n = 1
    while left > exactly and n < _HIGHEST:
        left -= exactly
        n += 1
        exactly *= mean * _INVERSE[n]
    return n


@njit(nogil=True, cache=True)
def _take_out(row: np.ndarray, drawn: int, total: int, rng: np.random.Generator) -> None:
    """Leave ``total`` of the ``drawn`` counts of a row, each subset equally likely."""
    above, taken, column, up_to = 1.0, -1, 0, float(row[0])
    left = drawn
    for missing in range(drawn - total, 0, -1):
        above = _next(above, missing, rng)
        number = _number(1 - above, drawn)
        if number == taken:
            continue
        taken = number
        while up_to <= number:
            column += 1
            up_to += row[column]
        row[column] -= 1
        left -= 1
    # In place of counts that were drawn twice, take out others.
    while left > total:
        number, column, up_to = _number(rng.random(), left), 0, float(row[0])
        while up_to <= number:
            column += 1
            up_to += row[column]
        row[column] -= 1
        left -= 1


@njit(nogil=True, cache=True)
def _number(uniform: float, n: int) -> int:
    """One of 0 to n - 1; rounding may carry a uniform number to 1."""
    return min(int(uniform * n), n - 1)


@njit(nogil=True, cache=True)
def _put_in(row: np.ndarray, weights: np.ndarray, missing: int, rng: np.random.Generator) -> None:
    """Add ``missing`` counts to a row, drawn from its probabilities."""
    whole = 0.0
    for weight in weights:
        whole += weight
    above, column, up_to = 1.0, 0, float(weights[0])
    for following in range(missing, 0, -1):
        above = _next(above, following, rng)
        # Rounding may carry a position over the end of the row.
        while up_to <= (1 - above) * whole and column < len(row) - 1:
            column += 1
            up_to += weights[column]
        row[column] += 1


@njit(nogil=True, cache=True)
def _next(above: float, n: int, rng: np.random.Generator) -> float:
    """``1 - u``, with u the least of n uniform numbers from ``1 - above`` to 1."""
    return above * rng.random() ** (1 / n)
