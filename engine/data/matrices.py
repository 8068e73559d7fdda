"""Matrices in memory or on disk, read as checked CSR row blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata.abc
import h5py
import numpy as np
import zarr
from scipy import sparse

from engine.data import chunks
from engine.data.reader_errors import reading
from engine.data.reading_progress import report_progress
from engine.data.rows import row_blocks
from engine.errors import DataError

SPARSE_ENTRY_BYTES = 8
SAMPLE_VALUES = 100_000
SLICE_VALUES = 2**24
ENCODINGS = {"csr_matrix": "csr", "csc_matrix": "csc"}


@dataclass(frozen=True, eq=False)
class Matrix:
    """A cells x genes matrix in memory or on disk.

    Attributes
    ----------
    name
        Layer name, for messages.
    file
        File name, for messages.
    kind
        "csr", "csc" or "dense".
    values
        The stored values: (entries,) when sparse, (cells, genes) when dense.
    indices, indptr
        The other two arrays of a sparse matrix.
    on_disk
        True when slicing ``values`` reads a file.
    """

    name: str
    file: str
    kind: str
    shape: tuple[int, int]
    values: Any
    indices: Any = None
    indptr: Any = None
    on_disk: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values."""
        return np.dtype(self.values.dtype)

    @property
    def memory_bytes(self) -> int:
        """Bytes this matrix would take in memory as CSR, at most."""
        if self.kind == "dense":
            return self.shape[0] * self.shape[1] * SPARSE_ENTRY_BYTES
        entries, pointers = int(self.values.shape[0]), max(self.shape) + 1
        return entries * (self.dtype.itemsize + 8) + pointers * 8

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop: canonical CSR, checked, without stored zeros.

        Raises
        ------
        DataError
            If the stored matrix is damaged, or column-compressed and on disk.
        """
        with reading(self.file):
            if self.kind == "dense":
                rows = sparse.csr_matrix(_native(self.values[start:stop]))
            else:
                rows = self._sparse_rows(start, stop)
            rows.sum_duplicates()
            rows.eliminate_zeros()
            return rows

    def load(self) -> Matrix:
        """The same matrix in memory, as canonical CSR."""
        with reading(self.file):
            if self.kind == "csc":
                arrays = self._arrays(0, int(self.values.shape[0]))
                columns = sparse.csc_matrix((*arrays, self.indptr), shape=self.shape)
                columns.check_format(full_check=True)
                rows = columns.tocsr()
            elif self.kind == "dense":
                blocks = row_blocks(*self.shape)
                rows = sparse.csr_matrix(sparse.vstack([self.read(*b) for b in blocks], "csr"))
            else:
                rows = self.read(0, self.shape[0])
            rows.sum_duplicates()
            rows.eliminate_zeros()
            return Matrix(
                self.name, self.file, "csr", self.shape, rows.data, rows.indices, rows.indptr
            )

    def sample(self) -> np.ndarray:
        """A few of the stored values from the start, the middle and the end."""
        length = int(self.values.shape[0])
        if 0 in self.values.shape:
            return np.zeros(0, dtype=self.dtype)
        width = 1 if self.kind == "dense" else 0
        step = max(1, SAMPLE_VALUES // self.shape[1]) if width else SAMPLE_VALUES
        with reading(self.file):
            starts = {0, max(0, (length - step) // 2), max(0, length - step)}
            parts = [_native(self.values[s : min(s + step, length)]) for s in sorted(starts)]
        return np.concatenate([part.ravel() for part in parts])

    def _sparse_rows(self, start: int, stop: int) -> sparse.csr_matrix:
        if self.kind == "csc":
            raise DataError(
                "a matrix stored by rows (CSR) to stream it from disk",
                f"{self.name} of {self.file} stored by columns (CSC) and too large for memory",
                "Save it once with adata.X = adata.X.tocsr() where memory allows.",
            )
        pointers = np.asarray(self.indptr[start : stop + 1]).astype(np.int64)
        first, last = int(pointers[0]), int(pointers[-1])
        if not 0 <= first <= last <= int(self.values.shape[0]):
            raise ValueError("row pointers out of range")
        arrays = self._arrays(first, last)
        # The caller sorts in place, which must not reach a user's AnnData.
        rows = sparse.csr_matrix(
            (*arrays, pointers - first),
            shape=(stop - start, self.shape[1]),
            copy=not self.on_disk,
        )
        # Unchecked, a damaged index would be followed into foreign memory.
        rows.check_format(full_check=True)
        return rows

    def _arrays(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Values and indices from first to last."""
        arrays = []
        for place, array in enumerate((self.values, self.indices)):
            whole = np.empty(last - first, _native(array[:0]).dtype)
            for start in range(0, last - first, SLICE_VALUES):
                stop = min(start + SLICE_VALUES, last - first)
                whole[start:stop] = array[first + start : first + stop]
                if last - first > SLICE_VALUES:
                    report_progress("reading the values", (place + stop / (last - first)) / 2)
            arrays.append(whole)
        return arrays[0], arrays[1]


class TransposedDataset:
    """A dataset of genes x cells, sliced as cells x genes."""

    ndim = 2

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self.shape = (int(dataset.shape[1]), int(dataset.shape[0]))
        self.dtype = dataset.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.asarray(self._dataset[:, rows]).T


def as_matrix(values: object, name: str, file: str) -> Matrix:
    """Wrap a matrix found in an AnnData or in its file.

    Raises
    ------
    DataError
        If it is no matrix of numbers.
    """
    with reading(file):
        matrix = _wrap(values, name, file)
    if matrix is None:
        raise DataError(
            "a dense, CSR or CSC matrix",
            f"{type(values).__name__} in {name} of {file}",
            "Choose another layer, or convert this one to a CSR matrix.",
        )
    if matrix.dtype.kind not in "buif":
        raise DataError(
            "a matrix of numbers",
            f"values of type {matrix.dtype} in {name}",
            "Choose another layer.",
        )
    if len(matrix.shape) != 2:
        raise DataError(
            "a matrix of cells x genes",
            f"{len(matrix.shape)} axes in {name}",
            "Choose another layer.",
        )
    return matrix


def _wrap(values: object, name: str, file: str) -> Matrix | None:
    on_disk = isinstance(values, anndata.abc.CSRDataset | anndata.abc.CSCDataset)
    # The readers' types say less than AnnData's format guarantees.
    raw: Any = getattr(values, "group", values) if on_disk else values
    if isinstance(raw, h5py.Group | zarr.Group):
        kind = ENCODINGS.get(str(raw.attrs.get("encoding-type")))
        group: Any = raw
        if kind is None:
            return None
        parts = chunks.whole(name, {part: group[part] for part in ("data", "indices", "indptr")})
        arrays = parts["data"], parts["indices"], np.asarray(parts["indptr"][:])
        shape = tuple(int(length) for length in group.attrs["shape"])
        return _compressed(name, file, kind, shape, arrays, on_disk=True)
    if isinstance(raw, h5py.Dataset | zarr.Array | TransposedDataset):
        return Matrix(name, file, "dense", tuple(raw.shape), raw, on_disk=True)
    if isinstance(raw, np.ndarray):
        return Matrix(name, file, "dense", tuple(raw.shape), np.asarray(raw))
    if sparse.issparse(values) and raw.format in ("csr", "csc"):
        arrays = raw.data, raw.indices, raw.indptr
        return _compressed(name, file, raw.format, raw.shape, arrays, on_disk=False)
    return None


def _compressed(
    name: str, file: str, kind: str, shape: Any, arrays: tuple[Any, Any, Any], *, on_disk: bool
) -> Matrix:
    values, indices, indptr = arrays
    consistent = (
        len(shape) == 2
        and values.shape == indices.shape
        and len(values.shape) == 1
        and indptr.dtype.kind in "iu"
        and indices.dtype.kind in "iu"
        and indptr.shape == (shape[kind == "csc"] + 1,)
        and int(indptr[0]) == 0
        and int(indptr[-1]) <= values.shape[0]
        and bool(np.all(indptr[1:] >= indptr[:-1]))
    )
    if not consistent:
        raise ValueError(f"the arrays of the sparse matrix {name} do not fit together")
    return Matrix(name, file, kind, tuple(shape), values, indices, indptr, on_disk)


def _native(values: Any) -> np.ndarray:
    """An array in a type that scipy computes with: native byte order, no half precision."""
    array = np.asarray(values)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
