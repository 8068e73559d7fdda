"""Find the basin: several starts, then topics moved for as long as that gains."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.lda.climb import Climb
from engine.lda.passes import Estimate
from engine.lda.relocation import proposals
from engine.lda.start import Starts

# More cells than these say little more about where the optimum lies.
MOST_CELLS = 5000
_START_PASSES = 15
_SETTLING_PASSES = 20
_TRIAL_PASSES = 15
_MOST_TRIALS = 12
# A place is given up after this many proposals that gained less than this, nats per cell.
_PATIENCE = 3
_WORTH = 0.05


def search(
    counts: Counts, alpha: np.ndarray, eta: np.ndarray, *, n_starts: int, seed: int, passes: int
) -> Generator[float | Climb, None, Climb]:
    """The best climb found in a subsample of the cells.

    EM has local optima in which one topic holds two and two share one, or two differ by what
    no cell needs; starts at corners avoid most of them, and `relocation.proposals` leaves the rest.

    Parameters
    ----------
    counts
        Held in memory.
    passes
        Most passes to make; with fewer than a start takes, the first start alone is returned.

    Yields
    ------
    float
        The share of a pass that is done.
    Climb
        The best so far, after each stretch of passes.
    """
    rng = np.random.default_rng([seed, 1])
    blocks = Blocks(counts)
    starts = Starts(counts, len(alpha), seed)

    def climb(at: Estimate) -> Climb:
        return Climb(blocks, at, alpha, eta)

    def even(topics: np.ndarray) -> Estimate:
        shares = np.full((counts.n_cells, len(alpha)), 1 / len(alpha), np.float32)
        return Estimate(shares, topics)

    best = climb(even(starts.corners()))
    if passes < _START_PASSES:
        return best
    left = passes - _START_PASSES
    yield from best.run(_START_PASSES)
    yield best
    for _ in range(n_starts - 1 if len(alpha) > 1 else 0):
        if left < _START_PASSES:
            return best
        left -= _START_PASSES
        other = climb(even(starts.scattered()))
        yield from other.run(_START_PASSES)
        best = max(best, other, key=_objective)
        yield best
    settling = min(_SETTLING_PASSES, left)
    left -= settling
    yield from best.run(settling)
    yield best
    tried = 0
    gained = len(alpha) > 1
    while gained:
        gained = False
        assert best.best is not None
        for number, at in enumerate(proposals(blocks, best.best.at, alpha, rng)):
            if number == _PATIENCE or tried == _MOST_TRIALS or left < _TRIAL_PASSES:
                break
            tried, left = tried + 1, left - _TRIAL_PASSES
            other = climb(at)
            yield from other.run(_TRIAL_PASSES)
            # Later than the best so far and still rising fast enough to pass it.
            if left >= _TRIAL_PASSES and _objective(other) < _objective(best) < _ahead(other):
                left -= _TRIAL_PASSES
                yield from other.run(_TRIAL_PASSES)
            gained = _objective(other) > _objective(best) + _WORTH * counts.n_cells
            best = other if gained else best
            yield best
            if gained:
                break
    return best


def _ahead(climb: Climb) -> float:
    return climb.objectives[-1] + _TRIAL_PASSES * climb.gain


def _objective(climb: Climb) -> float:
    return climb.objectives[-1]
