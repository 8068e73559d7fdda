"""Stores of the modelled counts: a matrix in memory, or row blocks projected from a reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import sparse

BLOCK_VALUES = 2**24


@runtime_checkable
class RowReader(Protocol):
    """Rows of a matrix as stored, over all genes, wherever it lies."""

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop: canonical CSR in the type of the file, without stored zeros."""
        ...


@runtime_checkable
class RowStore(Protocol):
    """Rows of the modelled counts, (C, G)."""

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop as float32 CSR."""
        ...


@dataclass(frozen=True)
class Projection:
    """From all genes of a reader to the modelled features: choose columns, pool the rest.

    Attributes
    ----------
    columns
        Positions of the chosen genes, in model order.
    pool
        Append one last column with everything not chosen.
    """

    columns: np.ndarray
    pool: bool

    def __call__(self, rows: sparse.csr_matrix, elsewhere: np.ndarray) -> sparse.csr_matrix:
        """Project rows; ``elsewhere`` (n,) counts genes that the file does not hold."""
        rows = rows.astype(np.float64)
        # A whole number may be stored a rounding error away (2.9999998).
        np.rint(rows.data, out=rows.data)
        rows.eliminate_zeros()
        chosen = rows[:, self.columns]
        if self.pool:
            rest = _row_sums(rows) - _row_sums(chosen) + elsewhere
            chosen = sparse.hstack([chosen, sparse.csr_matrix(rest[:, None])], format="csr")
        result = sparse.csr_matrix(chosen.astype(np.float32))
        result.sort_indices()
        return result


@dataclass(frozen=True, eq=False)
class MemoryRows:
    """The modelled counts held in memory as float32 CSR."""

    matrix: sparse.csr_matrix

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop as float32 CSR."""
        return self.matrix[start:stop]


@dataclass(frozen=True, eq=False)
class StreamedRows:
    """The modelled counts, projected on demand from a reader.

    Attributes
    ----------
    positions
        (C,) ascending rows of the reader that are kept.
    elsewhere
        (C,) counts of each kept cell in genes that the file does not hold.
    """

    reader: RowReader
    positions: np.ndarray
    projection: Projection
    elsewhere: np.ndarray

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop of the kept cells as float32 CSR."""
        kept = self.positions[start:stop]
        if len(kept) == 0:
            columns = len(self.projection.columns) + self.projection.pool
            return sparse.csr_matrix((0, columns), dtype=np.float32)
        first, last = int(kept[0]), int(kept[-1]) + 1
        rows = self.reader.read(first, last)
        if len(kept) < last - first:
            rows = rows[kept - first]
        return self.projection(rows, self.elsewhere[start:stop])


@dataclass(frozen=True, eq=False)
class MatchedRows:
    """Rows of a store with its columns chosen anew.

    Attributes
    ----------
    columns
        Positions of the columns in the store; -1 for one that it lacks, which has no counts.
    left
        Columns that are not chosen.
    pooled
        Position, among those chosen, of the column that takes what is left; None drops it.
    """

    store: RowStore
    columns: np.ndarray
    left: np.ndarray
    pooled: int | None

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop as float32 CSR."""
        rows = self.store.read(start, stop)
        there = sparse.diags_array((self.columns >= 0).astype(float))
        chosen = sparse.csc_matrix(rows[:, np.maximum(self.columns, 0)] @ there)
        if self.pooled is not None:
            rest = sparse.csr_matrix(_row_sums(rows[:, self.left])[:, None])
            parts = [chosen[:, : self.pooled], chosen[:, [self.pooled]] + rest]
            chosen = sparse.csc_matrix(sparse.hstack([*parts, chosen[:, self.pooled + 1 :]]))
        result = sparse.csr_matrix(chosen.astype(np.float32))
        result.eliminate_zeros()
        result.sort_indices()
        return result


def row_blocks(n_rows: int, n_columns: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows that together cover a matrix, each of bounded size."""
    step = max(1, min(BLOCK_VALUES // max(n_columns, 1), 65_536))
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


def _row_sums(matrix: sparse.csr_matrix) -> np.ndarray:
    return np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel()
