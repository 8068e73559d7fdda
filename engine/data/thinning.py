"""Counts split in two, as if every cell had been sequenced twice to half its depth."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from engine.data.counts import Counts
from engine.data.rows import MemoryRows, row_blocks


class Halves(NamedTuple):
    """Two parts of the counts of the same cells, held in memory, and the cells left out.

    Attributes
    ----------
    n_left_out
        Number of cells that have no counts in one part.
    """

    first: Counts
    second: Counts
    n_left_out: int


def thin(counts: Counts, seed: int, share: float = 0.5) -> Halves:
    """Binomial thinning: each count goes to the first part with a probability of ``share``.

    Where counts are multinomial, so are both parts, with the same proportions, and they are
    independent given those.

    Parameters
    ----------
    seed
        Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for start, stop in row_blocks(counts.n_cells, counts.n_genes):
        rows = sparse.csr_matrix(counts.block(start, stop))
        taken = rows.copy()
        taken.data = rng.binomial(np.rint(rows.data).astype(np.int64), share).astype(np.float32)
        parts.append((taken, sparse.csr_matrix(rows - taken)))
    matrices = [sparse.csr_matrix(sparse.vstack(list(part))) for part in zip(*parts, strict=True)]
    totals = [np.asarray(matrix.sum(1, dtype=np.float64)).ravel() for matrix in matrices]
    nonempty = np.flatnonzero((totals[0] > 0) & (totals[1] > 0))
    halves: list[Counts] = []
    for matrix, total in zip(matrices, totals, strict=True):
        own = sparse.csr_matrix(matrix[nonempty])
        own.eliminate_zeros()
        own.sort_indices()
        halves.append(
            replace(
                counts,
                cells=counts.cells[nonempty],
                obs=counts.obs.iloc[nonempty],
                totals=total[nonempty],
                library_size=counts.library_size[nonempty] * share,
                fingerprint=f"{counts.fingerprint}:{seed}:{len(halves)}",
                _rows=MemoryRows(own),
            )
        )
    return Halves(halves[0], halves[1], counts.n_cells - len(nonempty))
