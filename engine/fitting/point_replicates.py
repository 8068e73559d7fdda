"""Replicated cells of a fit that has point estimates of the cells' weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.fitting.blocks import Blocks
from engine.fitting.predictive import Block

if TYPE_CHECKING:
    from engine.data import Counts


class Points(NamedTuple):
    """Proportions (B, G) of the cells of a block."""

    chances: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """The proportions of one cell, repeated."""
        return np.tile(self.chances[row].astype(np.float32), (n_draws, 1))


class OtherCells(NamedTuple):
    """Weights (C, k) of known cells, and the function from weights (B, k) to proportions (B, G)."""

    known: np.ndarray
    chances: Callable[[np.ndarray], np.ndarray]

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Proportions of cells drawn at random, whatever the row."""
        return self.chances(self.known[rng.integers(len(self.known), size=n_draws)]).astype("f4")


def at_points(counts: Counts, chances: Callable[[np.ndarray], np.ndarray]) -> Iterator[Block]:
    """The cells of counts, block by block, at the proportions that ``chances`` returns for them."""
    for start, dense in dense_blocks(counts):
        yield Block(start, dense, Points(chances(dense)), np.zeros(len(dense), bool))


def dense_blocks(counts: Counts) -> Iterator[tuple[int, np.ndarray]]:
    """Position of the first cell of each block, and its (B, G) counts."""
    rows = Blocks(counts, keep=False).rows
    for start in range(0, counts.n_cells, rows):
        yield start, counts.block(start, start + rows)
