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
    """Rows of a stored matrix, in memory or on disk, over all genes."""

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
        modelled = rows[:, self.columns]
        if self.pool:
            rest = _row_sums(rows) - _row_sums(modelled) + elsewhere
            modelled = sparse.hstack([modelled, sparse.csr_matrix(rest[:, None])], format="csr")
        result = sparse.csr_matrix(modelled.astype(np.float32))
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
        positions = self.positions[start:stop]
        if len(positions) == 0:
            columns = len(self.projection.columns) + self.projection.pool
            return sparse.csr_matrix((0, columns), dtype=np.float32)
        first, last = int(positions[0]), int(positions[-1]) + 1
        rows = self.reader.read(first, last)
        if len(positions) < last - first:
            rows = rows[positions - first]
        return self.projection(rows, self.elsewhere[start:stop])


@dataclass(frozen=True, eq=False)
class MatchedRows:
    """Rows of a store, with its columns chosen and reordered.

    Attributes
    ----------
    columns
        Positions of the columns in the store; -1 for one that it lacks, which has no counts.
    left
        Columns that are not chosen.
    pooled
        Position, among those chosen, of the column to which the left ones are added; or None.
    """

    store: RowStore
    columns: np.ndarray
    left: np.ndarray
    pooled: int | None

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop as float32 CSR."""
        rows = self.store.read(start, stop)
        present = sparse.diags_array((self.columns >= 0).astype(float))
        matched = sparse.csc_matrix(rows[:, np.maximum(self.columns, 0)] @ present)
        if self.pooled is not None:
            rest = sparse.csr_matrix(_row_sums(rows[:, self.left])[:, None])
            parts = [matched[:, : self.pooled], matched[:, [self.pooled]] + rest]
            matched = sparse.csc_matrix(sparse.hstack([*parts, matched[:, self.pooled + 1 :]]))
        result = sparse.csr_matrix(matched.astype(np.float32))
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
