"""The counts of a data set, cut into blocks of cells of one fixed shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from engine.data import Counts

# Elements of a block: few enough for a processor's caches, enough to keep a GPU busy.
_BLOCK_ELEMENTS = {"cpu": 2**20}
_BLOCK_ELEMENTS_ELSEWHERE = 2**24
_MOST_CELLS = 2**14
# Dense float32 counts up to this size stay on the device between passes.
_MOST_CACHED_BYTES = 2**30


class Block(NamedTuple):
    """Dense counts of a range of cells, padded to the shape of all blocks."""

    own: slice
    counts: jax.Array
    weights: jax.Array

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """Rows of this block, the last repeated over the padding."""
        return np.pad(rows[self.own], ((0, len(self.weights) - size_of(self.own)), (0, 0)), "edge")


class Blocks:
    """The counts of a data set as dense blocks of one shape, on the device if they fit.

    Parameters
    ----------
    counts
        In memory or streamed from disk.
    block_cells
        Cells per block; None: chosen by the number of genes.
    keep
        Whether to cache the blocks for the next pass, if they fit.
    width
        Number of arrays of a block's size that the caller holds at a time.
    weights
        (C,) weight of each cell, 1 on average; None: all 1.
    """

    def __init__(
        self,
        counts: Counts,
        block_cells: int | None = None,
        *,
        keep: bool = True,
        width: int = 1,
        weights: np.ndarray | None = None,
    ) -> None:
        self.counts = counts
        self.weights = np.ones(counts.n_cells, np.float32) if weights is None else weights
        elements = _BLOCK_ELEMENTS.get(jax.default_backend(), _BLOCK_ELEMENTS_ELSEWHERE)
        rows = block_cells or min(max(elements // (counts.n_genes * width), 1), _MOST_CELLS)
        self.rows = min(rows, counts.n_cells)
        self._cached: dict[int, Block] | None = None
        if keep and 4 * counts.n_cells * counts.n_genes <= _MOST_CACHED_BYTES:
            self._cached = {}

    def __iter__(self) -> Iterator[Block]:
        for start in range(0, self.counts.n_cells, self.rows):
            block = self._cached.get(start) if self._cached is not None else None
            if block is None:
                block = self._read(start)
                if self._cached is not None:
                    self._cached[start] = block
            yield block

    def _read(self, start: int) -> Block:
        own = slice(start, min(start + self.rows, self.counts.n_cells))
        size = size_of(own)
        dense = np.pad(self.counts.block(own.start, own.stop), ((0, self.rows - size), (0, 0)))
        weights = np.pad(self.weights[own], (0, self.rows - size))
        return Block(own, on_device(dense), on_device(weights))


def on_device(array: np.ndarray) -> jax.Array:
    """An array in single precision; `jnp.asarray` would compile a program for each shape."""
    return jax.device_put(np.asarray(array, np.float32))


@jax.jit
def with_one_more(counts: Float[Array, "B F"], rows: Any) -> Float[Array, "B F"]:
    """Counts plus one of the last feature in masked rows: a cell without counts has no mode."""
    return counts.at[:, -1].add(rows)


def size_of(own: slice) -> int:
    """Number of cells of a range."""
    return int(own.stop - own.start)
