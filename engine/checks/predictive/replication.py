"""Replicated counts of all cells, streamed: summed a few cells at a time, then dropped."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from engine.checks.predictive import statistics
from engine.checks.predictive.check_settings import CheckSettings
from engine.checks.predictive.count_sums import Sums
from engine.checks.predictive.multinomial import draw_multinomial
from engine.data import Counts
from engine.fitting.blocks import Blocks
from engine.fitting.compilation import keep_compilations
from engine.fitting.predictive import Block, DrawnTotals
from engine.registry import family_of
from engine.results import AnyFit

# Replicated counts that one thread holds, and those it draws at a time, by sizes of caches.
_HELD, _AT_ONCE = 2**22, 2**18
# Draws are made without the interpreter's lock; more threads than this wait for memory.
_MOST_THREADS = 8


@dataclass(frozen=True)
class Cells:
    """The cells to replicate: those with counts.

    Attributes
    ----------
    counts
        Over the features of the fit.
    keys
        (C,) number of each cell, which seeds its draws: they do not depend on the other cells.
    groups
        (C,) group of each cell, from 0; -1 for a cell that takes no part.
    n_groups
        Number of groups.
    """

    counts: Counts
    keys: np.ndarray
    groups: np.ndarray
    n_groups: int


Streamed = tuple[list[Sums], int]


def stream(
    fit: AnyFit, cells: Cells, settings: CheckSettings, plan: statistics.Plan
) -> Generator[float, None, Streamed]:
    """Sum replicates by group; yields the share of the cells done.

    Memory grows with cells x features of a block, and with draws x features: never with all three.

    Returns
    -------
    The sums of each group, and the number of cells whose mode was not found.
    """
    totals = family_of(fit).drawn_totals(fit, cells.counts, settings.mode)
    size = (settings.n_draws, cells.counts.n_genes)
    sums = [statistics.zero(plan, *size, totals is not None) for _ in range(cells.n_groups)]
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    step = max(1, _HELD // ((size[0] + 1) * size[1]))
    n_lost, done = 0, 0
    running: deque[tuple[int, int, Future[Sums]]] = deque()
    # Products are small: the threads of a BLAS would spin between two of them.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        try:
            for block in _blocks(fit, cells.counts, settings):
                own = cells.groups[block.start : block.start + len(block.counts)]
                n_lost += int(np.count_nonzero(block.lost & (own >= 0)))
                for group, rows in _parts(own, step):
                    work = partial(_replicate, block, rows, cells, totals, settings, plan)
                    running.append((group, len(rows), pool.submit(work)))
                    # In the order of the cells, so that sums do not depend on the threads.
                    while len(running) > 2 * threads:
                        done += _add(sums, *running.popleft())
                        yield done / cells.counts.n_cells
            while running:
                done += _add(sums, *running.popleft())
                yield done / cells.counts.n_cells
        finally:
            for *_, waiting in running:
                waiting.cancel()
    return sums, n_lost


def _add(sums: list[Sums], group: int, n_cells: int, future: Future[Sums]) -> int:
    sums[group] = sums[group].merge(future.result())
    return n_cells


def _parts(groups: np.ndarray, step: int) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of each group, at most ``step`` at a time."""
    for group in np.unique(groups[groups >= 0]):
        rows = np.flatnonzero(groups == group)
        for start in range(0, len(rows), step):
            yield int(group), rows[start : start + step]


def _blocks(fit: AnyFit, counts: Counts, settings: CheckSettings) -> Iterator[Block]:
    keep_compilations()
    family = family_of(fit)
    if settings.mode != "population":
        yield from family.replicated(fit, counts, settings.mode)
        return
    rows = Blocks(counts, keep=False).rows
    for start in range(0, counts.n_cells, rows):
        dense = counts.block(start, start + rows)
        new = family.new_cells(fit, counts.obs.iloc[start : start + rows])
        yield Block(start, dense, new, np.zeros(len(dense), bool))


def _replicate(
    block: Block,
    rows: np.ndarray,
    cells: Cells,
    totals: DrawnTotals | None,
    settings: CheckSettings,
    plan: statistics.Plan,
) -> Sums:
    """Draw cells of a block and sum them."""
    n_draws, width = settings.n_draws, block.counts.shape[1]
    counts = np.empty((len(rows), n_draws + 1, width), np.float32)
    of_model = np.empty((len(rows), n_draws + 1))
    uniform = np.empty((len(rows), len(plan.genes)))
    at_once = max(1, _AT_ONCE // width)
    for place_of, row in enumerate(rows):
        cell = block.start + row
        rng = np.random.Generator(np.random.SFC64([settings.seed, int(cells.keys[cell])]))
        uniform[place_of] = rng.random(len(plan.genes))
        counts[place_of, 0] = block.counts[row]
        observed = cells.counts.totals[cell]
        own = np.full(n_draws, observed)
        if totals is not None:
            drawn = totals.draw(cell, n_draws, rng)
            of_model[place_of] = np.concatenate([[observed], drawn])
            own = drawn if settings.totals == "model" else own
        for start in range(0, n_draws, at_once):
            part = own[start : start + at_once]
            weights = block.latents.weights(row, len(part), rng)
            counts[place_of, start + 1 : start + 1 + len(part)] = draw_multinomial(
                weights, part, rng
            )
    known = None if totals is None else of_model
    return statistics.summed(statistics.Replicates(counts, known, uniform), plan)
