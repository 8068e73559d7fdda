"""Limited-memory BFGS with a metric given from outside (Nocedal & Wright 2006, algorithm 7.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np


class LBFGS:
    """Curvature along the last steps of an ascent."""

    def __init__(self, history: int = 10) -> None:
        self._pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=history)

    def __len__(self) -> int:
        return len(self._pairs)

    def forget(self) -> None:
        """Start afresh."""
        self._pairs.clear()

    def remember(self, step: np.ndarray, slope_change: np.ndarray) -> None:
        """Add a step and the change of slope over it, unless the function bends upwards there."""
        bend = -float(np.sum(step * slope_change))
        # For arrays this short the threads of BLAS cost more than they save.
        if bend > 1e-10 * np.sqrt(np.sum(step**2) * np.sum(slope_change**2)):
            self._pairs.append((step, -slope_change, 1 / bend))

    def direction(self, slope: np.ndarray, solve: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Ascent direction: ``solve`` applies the inverse of the metric."""
        left = slope.copy()
        shares = []
        for step, change, inverse in reversed(self._pairs):
            share = inverse * float(np.sum(step * left))
            left -= share * change
            shares.append(share)
        ascent = solve(left)
        for (step, change, inverse), share in zip(self._pairs, reversed(shares), strict=True):
            ascent += (share - inverse * float(np.sum(change * ascent))) * step
        return ascent
