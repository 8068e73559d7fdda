"""Search for a start: several starts, then moves of topics while they help."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.lda.climb import Climb
from engine.lda.passes import Estimate
from engine.lda.relocation import proposals
from engine.lda.start import Starts

# More cells than these add little information on where the optimum lies.
MOST_CELLS = 5000
_START_PASSES = 15
_SETTLING_PASSES = 20
_TRIAL_PASSES = 15
_MOST_TRIALS = 12
# The search ends after this many proposals in a row that gained less than this, nats per cell.
_PATIENCE = 3
_WORTH = 0.05


def search(
    counts: Counts, alpha: np.ndarray, eta: np.ndarray, *, n_starts: int, seed: int, passes: int
) -> Generator[float | Climb, None, Climb]:
    """The best climb found in a subsample of the cells.

    EM has local optima in which one topic merges two and two others split one, or in which two
    differ without need; starts at corners avoid most of them, `relocation.proposals` the rest.

    Parameters
    ----------
    counts
        Held in memory.
    passes
        Most passes to make; with fewer than a start takes, the first start is returned as it is.

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
            # Behind the best so far, but rising fast enough to overtake it.
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
