"""Topics and proportions by accelerated EM, without an encoder."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import numpy as np

from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.fitting.steps import End, Step
from engine.lda.climb import WINDOW, Climb
from engine.lda.config import LDAConfig
from engine.lda.equations import TINY
from engine.lda.fit import TopicFit
from engine.lda.learned import Event, Learned
from engine.lda.passes import Estimate, Pass
from engine.lda.search import MOST_CELLS, search

# Share of the budget of passes that may go into the search for a start.
_SEARCH_SHARE = 0.5


def maximise(
    counts: Counts, config: LDAConfig, start: TopicFit | None
) -> Generator[Event, None, End]:
    """Fit by EM; yields the share of a pass that is done, and a Step after every pass.

    The objective is that of `engine.lda.passes.em_pass`. If there are many cells, the search for
    a start uses a subsample; the climb uses all.
    """
    alpha, eta = config.alpha, config.eta(counts.n_genes)
    if start is not None:
        climb = Climb(Blocks(counts, config.block_cells), _resumed(counts, start), alpha, eta)
    else:
        climb = yield from _begin(counts, config, alpha, eta)
    total = float(counts.n_cells)
    while True:
        yield from climb.step()
        gain = climb.gain / total
        yield _step("fitting", climb, _passes_left(climb, config.tolerance * total))
        if gain < config.tolerance:
            return "converged", f"{WINDOW} passes gained less than {config.tolerance:g} nats a cell"


def find_start(
    counts: Counts, config: LDAConfig, alpha: np.ndarray, eta: np.ndarray
) -> Generator[Event, None, tuple[Climb, Counts]]:
    """Search for a start, yielding its steps; return the best climb and the cells that it used."""
    held = subsample(counts, config.seed)
    steps = search(
        held,
        alpha,
        eta,
        n_starts=config.n_starts,
        seed=config.seed,
        passes=int(config.max_passes * _SEARCH_SHARE),
    )
    while True:
        try:
            event = next(steps)
        except StopIteration as end:
            return end.value, held
        yield _step("searching for a start", event, np.nan) if isinstance(event, Climb) else event


def subsample(counts: Counts, seed: int) -> Counts:
    """At most `MOST_CELLS` of the cells, held in memory."""
    if counts.n_cells <= MOST_CELLS and counts.matrix() is not None:
        return counts
    order = np.random.default_rng(seed).permutation(counts.n_cells)[:MOST_CELLS]
    return counts.take(np.sort(order))


def _begin(
    counts: Counts, config: LDAConfig, alpha: np.ndarray, eta: np.ndarray
) -> Generator[Event, None, Climb]:
    climb, held = yield from find_start(counts, config, alpha, eta)
    if held is counts and config.block_cells is None:
        return climb
    at = climb.at
    if held.n_cells < counts.n_cells:
        shares = np.full((counts.n_cells, len(alpha)), 1 / len(alpha), np.float32)
        at = Estimate(shares, at.topics)
    return Climb(Blocks(counts, config.block_cells), at, alpha, eta)


def _resumed(counts: Counts, start: TopicFit) -> Estimate:
    topics = np.asarray(start.topics.T, np.float32)
    shares = np.full((counts.n_cells, start.n_topics), 1 / start.n_topics, np.float32)
    position = start.cells.get_indexer(counts.cells)
    shares[position >= 0] = start.proportions[position[position >= 0]]
    return Estimate(shares, topics)


def _step(phase: str, climb: Climb, passes_left: float) -> Step[Learned]:
    assert climb.best is not None
    value = float(climb.best.log_likelihood.mean())
    return Step(phase, climb.blocks.counts, value, partial(learned, climb.best), passes_left)


def learned(best: Pass) -> Learned:
    """The point estimates of a pass."""
    topics, proportions = np.log(np.maximum(best.at.topics, TINY)), best.at.proportions
    logits = np.log(np.maximum(proportions, TINY))
    return Learned(
        topics, np.zeros_like(topics), logits, np.zeros_like(logits), best.log_likelihood
    )


def _passes_left(climb: Climb, wanted: float) -> float:
    """Rough guess, if the gain per pass keeps falling at its recent rate."""
    if len(climb.objectives) <= 2 * WINDOW:
        return np.nan
    before = (climb.objectives[-1 - WINDOW] - climb.objectives[-1 - 2 * WINDOW]) / WINDOW
    now = max(climb.gain, 1e-12)
    falling = np.log(max(before / now, 1.05)) / WINDOW
    return float(np.clip(np.log(max(now / wanted, 1.0)) / falling, 0, 1000))
