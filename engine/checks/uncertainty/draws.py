"""Uncertainty from the posterior draws that a fit by NUTS saves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.checks.uncertainty.delta_method import LARGEST, Estimates, Moments

# Ends of a 90 % interval.
ENDS = (0.05, 0.95)
# Elements of the correlations of a block of pairs, in all draws.
_MOST_ELEMENTS = 2**24


class Draws(NamedTuple):
    """Loadings (n, G, k), each turned to agree with the fit's, and d (n, G)."""

    loadings: np.ndarray
    noise: np.ndarray

    def correlation(self, loadings: np.ndarray, noise: np.ndarray, genes: np.ndarray) -> Estimates:
        """The spread of the draws, and the share of them that has another sign than the fit.

        That share is at least that of half a draw. An interval without the fit's own correlation,
        which is that of the mean loadings, is extended to it.
        """
        own = Moments.of(loadings, noise, genes).correlation()
        drawn = Moments.of(self.loadings.astype(float), self.noise.astype(float), genes)
        tables = np.zeros((5, *own.shape))
        rows = max(1, _MOST_ELEMENTS // max(own[0].size * len(self.noise), 1)) if len(own) else 1
        for start in range(0, len(genes), rows):
            block = slice(start, start + rows)
            each = drawn.correlation(block)
            wrong = (np.sign(each) != np.sign(own[block])).sum(0)
            tables[0, block] = each.std(0, ddof=1)
            tables[1, block] = np.arctanh(np.clip(each, -LARGEST, LARGEST)).std(0, ddof=1)
            tables[2:4, block] = np.quantile(each, ENDS, axis=0)
            tables[4, block] = (wrong + 0.5) / (len(each) + 1)
        error, fisher, low, high, tail = tables
        np.fill_diagonal(own, 1)
        for table, value in ((error, 0), (fisher, 0), (low, 1), (high, 1), (tail, 0)):
            np.fill_diagonal(table, value)
        return Estimates(
            own, error, fisher, np.minimum(low, own), np.maximum(high, own), np.minimum(tail, 0.5)
        )

    def ends(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Standard deviations and 90 % intervals of the loadings, (G, k) each."""
        low, high = np.quantile(self.loadings, ENDS, axis=0)
        return self.loadings.std(0, ddof=1, dtype=float), low, high
