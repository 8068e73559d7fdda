"""Matrices made of others: a sum of layers, some columns, a transposed table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from engine.data.matrices import Matrix
from engine.data.memory import memory_budget
from engine.data.rows import row_blocks

LOOKED_AT = 100
# To read a row of a matrix stored by columns, the whole is read.
MOST_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Summed(Matrix):
    """The sum of matrices of one shape, such as spliced and unspliced counts."""

    parts: Sequence[Matrix] = field(default=())

    @classmethod
    def of(cls, name: str, parts: Sequence[Matrix]) -> Summed:
        """The sum of some matrices."""
        first = parts[0]
        kind = "csc" if any(part.kind == "csc" for part in parts) else "csr"
        on_disk = any(part.on_disk for part in parts)
        return cls(name, first.file, kind, first.shape, None, on_disk=on_disk, parts=parts)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Wide enough for any sum of counts."""
        return np.dtype(np.float64)

    @property
    def memory_bytes(self) -> int:
        """Bytes that the parts would take together."""
        return sum(part.memory_bytes for part in self.parts)

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop of the sum."""
        return _sum([part.read(start, stop) for part in self.parts])

    def load(self) -> Matrix:
        """The sum in memory."""
        loaded = [part.load() for part in self.parts]
        rows = _sum([part.read(0, self.shape[0]) for part in loaded])
        return Matrix(self.name, self.file, "csr", self.shape, rows.data, rows.indices, rows.indptr)

    def sample(self) -> np.ndarray:
        """Some values of each part."""
        return np.concatenate([part.sample() for part in self.parts])


@dataclass(frozen=True, eq=False)
class Picked(Matrix):
    """Some columns of a matrix."""

    base: Matrix | None = None
    columns: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @classmethod
    def of(cls, base: Matrix, columns: np.ndarray) -> Picked:
        """The columns at some ascending positions."""
        shape = (base.shape[0], len(columns))
        return cls(
            base.name,
            base.file,
            base.kind,
            shape,
            None,
            on_disk=base.on_disk,
            base=base,
            columns=columns,
        )

    @property
    def whole(self) -> Matrix:
        """The matrix with all its columns."""
        assert self.base is not None
        return self.base

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return self.whole.dtype

    @property
    def memory_bytes(self) -> int:
        """Bytes that the whole matrix would take, because all of it is read."""
        return self.whole.memory_bytes

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop of the chosen columns."""
        return _columns(self.whole.read(start, stop), self.columns)

    def load(self) -> Matrix:
        """The chosen columns in memory."""
        rows = _columns(self.whole.load().read(0, self.shape[0]), self.columns)
        return Matrix(self.name, self.file, "csr", self.shape, rows.data, rows.indices, rows.indptr)

    def sample(self) -> np.ndarray:
        """Some values of the chosen columns."""
        rows = some_rows(self)
        return self.whole.sample() if rows is None else np.asarray(rows.data)


def some_rows(matrix: Matrix, rows: int = LOOKED_AT) -> sparse.csr_matrix | None:
    """The first rows, the middle and the last; None if reading them costs too much."""
    if matrix.kind == "csc":
        if matrix.memory_bytes > min(memory_budget(), MOST_BYTES):
            return None
        matrix = matrix.load()
    length = matrix.shape[0]
    # A block of rows of a wide table may be large itself.
    step = max(1, min(rows, next(iter(row_blocks(length or 1, matrix.shape[1])))[1]))
    starts = sorted({0, max(0, (length - step) // 2), max(0, length - step)})
    parts = [matrix.read(start, min(start + step, length)) for start in starts]
    return sparse.csr_matrix(sparse.vstack(parts, format="csr"))


def _sum(parts: Sequence[sparse.csr_matrix]) -> sparse.csr_matrix:
    total = parts[0].astype(np.float64)
    for part in parts[1:]:
        total = total + part.astype(np.float64)
    total = sparse.csr_matrix(total)
    total.sort_indices()
    return total


def _columns(rows: sparse.csr_matrix, columns: np.ndarray) -> sparse.csr_matrix:
    picked = sparse.csr_matrix(rows[:, columns])
    picked.sort_indices()
    return picked
