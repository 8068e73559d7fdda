"""Counts of a data set for minibatches: all on the device, or one stretch of cells at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from engine.data import Counts
from engine.fitting.blocks import on_device

# Dense float32 counts up to this size are on the device at once.
_MOST_BYTES = 2**30


class Shard(NamedTuple):
    """Dense counts (R, F); rows (steps, B) of each minibatch; ``meant`` is False for filling rows.

    ``beside`` (R, m) holds further inputs of the cells; None without.
    """

    counts: jax.Array
    batches: jax.Array
    meant: jax.Array
    beside: jax.Array | None = None

    @property
    def data(self) -> jax.Array | tuple[jax.Array, jax.Array]:
        """The inputs of a model: counts, and ``beside`` if there is any."""
        return self.counts if self.beside is None else (self.counts, self.beside)


class Shards:
    """Epochs of minibatches of one size.

    Minibatches are as even as possible, so that none has a single cell; each is filled up to the
    common size with cells that are not meant. Every cell is in one minibatch of an epoch.

    Parameters
    ----------
    cells
        Positions to train on.
    beside
        (C, m) numbers of all cells that go with their counts.
    """

    def __init__(
        self,
        counts: Counts,
        cells: np.ndarray,
        batch_cells: int,
        beside: np.ndarray | None = None,
    ) -> None:
        self._counts = counts
        self._beside = beside
        self._cells = cells
        most = max(_MOST_BYTES // (4 * counts.n_genes), 1)
        self._rows = min(len(cells), most)
        self._batches = -(-self._rows // min(batch_cells, self._rows))
        self.batch_cells = -(-self._rows // self._batches)
        self._starts = list(range(0, len(cells), self._rows))
        self._whole: jax.Array | None = None

    @property
    def steps(self) -> int:
        """Minibatches of an epoch."""
        return len(self._starts) * self._batches

    def epoch(self, rng: np.random.Generator) -> Iterator[Shard]:
        """All stretches of cells, in random order, their rows shuffled."""
        for start in rng.permutation(self._starts):
            counts = self._read(int(start))
            size = min(self._rows, len(self._cells) - int(start))
            shape = (self.batch_cells, self._batches)
            order = np.resize(rng.permutation(size), shape)
            # Filled down the columns, so that the filling cells are spread over the minibatches.
            meant = (np.arange(order.size) < size).reshape(shape)
            beside = None
            if self._beside is not None:
                own = self._cells[start : start + self._rows]
                # As long as the counts; the rows added are in no minibatch.
                beside = on_device(
                    np.resize(self._beside[own], (self._rows, *self._beside.shape[1:]))
                )
            yield Shard(counts, jax.device_put(order.T), jax.device_put(meant.T), beside)

    def _read(self, start: int) -> jax.Array:
        if self._whole is not None:
            return self._whole
        own = self._cells[start : start + self._rows]
        if len(own) == self._counts.n_cells:
            dense = self._counts.block(0, self._counts.n_cells)
        else:
            dense = self._counts.take(own).block(0, len(own))
        # A last stretch that is short keeps the shape; the rows added are in no minibatch.
        padded = on_device(np.pad(dense, ((0, self._rows - len(own)), (0, 0))))
        if len(self._starts) == 1:
            self._whole = padded
        return padded
