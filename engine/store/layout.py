"""Layout of stored counts in a folder: an AnnData in zarr 3 by rows, its description, checksums.

    lock            held while they are streamed; its time is when they were last opened
    counts.zarr/    X (CSR, compressed in chunks, each with its checksum), names, var, uns
    labels.h5       obs, for which zarr would need several files per column
    about.json      names, choices, the report of reading and what the source offers
    sums.json       every file with its size and, but for the chunks of X, its checksum

The two JSON files are written last: a folder without them is unfinished.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import zarr
from scipy import sparse
from zarr.codecs import BloscCodec, Crc32cCodec

from engine.data.choices import Offer
from engine.data.counts import Counts
from engine.data.info import ColumnInfo, LayerInfo, SourceInfo
from engine.data.matrices import Matrix, as_matrix
from engine.data.memory import memory_budget
from engine.data.reader_errors import reading
from engine.data.reading_progress import report_progress
from engine.data.report import Report
from engine.data.rows import MemoryRows, RowStore, row_blocks
from engine.errors import DataError
from engine.files.elements import check_compressed

FORMAT = 1
CHUNK = 2**20
_ZARR, _ABOUT, _SUMS = "counts.zarr", "about.json", "sums.json"
_LABELS, _LOCK = "labels.h5", "lock"
_REMEDY = "Open the counts again, which reads them anew."


class SharedLock:
    """A lock that readers share, until this object is closed or deleted."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        self.close = weakref.finalize(self, os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)


@dataclasses.dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows of stored counts, read on demand."""

    stored: Matrix
    # While it is held, the stored counts are not removed.
    lock: SharedLock

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows start to stop as float32 CSR."""
        try:
            return self.stored.read(start, stop).astype(np.float32, copy=False)
        except DataError as error:
            raise DataError(error.expected, error.got, _REMEDY) from error


def write(counts: Counts, info: SourceInfo, folder: Path) -> None:
    """Write counts and the description of their source to an empty folder.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    root = zarr.open_group(folder / _ZARR, mode="w", zarr_format=3)
    root.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
    _write_rows(root, counts)
    var = pd.DataFrame(index=counts.genes)
    if counts.gene_ids is not None:
        var["gene_ids"] = np.asarray(counts.gene_ids, dtype=object)
    ad.io.write_elem(root, "obs", counts.obs[[]])
    ad.io.write_elem(root, "var", var)
    sizes = {"totals": counts.totals, "library_size": counts.library_size}
    ad.io.write_elem(root, "uns", sizes)
    # By number, for names may have any length. In memory, where HDF5 meets no full disk.
    numbers = [str(place) for place in range(counts.obs.shape[1])]
    with h5py.File(image := BytesIO(), "w", libver="latest") as file:
        ad.io.write_elem(file, "obs", counts.obs.set_axis(numbers, axis=1))
    (folder / _LABELS).write_bytes(image.getvalue())
    about = {
        "format": FORMAT,
        "reference": counts.reference,
        "name": counts.name,
        "source": counts.source,
        "layer": counts.layer,
        "fingerprint": counts.fingerprint,
        "labels": list(counts.obs.columns),
        "report": dataclasses.asdict(counts.report),
        "info": dataclasses.asdict(info),
    }
    (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
    (folder / _LOCK).touch()
    (folder / _SUMS).write_text(json.dumps(_sums(folder)), encoding="utf-8")


def read(folder: Path) -> tuple[Counts, SourceInfo]:
    """Read counts that `write` wrote: in memory if they fit there, else streamed by rows.

    Raises
    ------
    DataError
        If a part of them is missing, of another size or changed.
    """
    lock = None
    try:
        with reading("the stored counts"):
            lock = SharedLock(folder / _LOCK)
            check(folder)
            about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            root = zarr.open_group(folder / _ZARR, mode="r", zarr_format=3)
            with h5py.File(BytesIO((folder / _LABELS).read_bytes()), "r") as labels:
                obs = cast(pd.DataFrame, ad.io.read_elem(labels["obs"]))
            stored = _counts(root, obs, about, lock), _info(about["info"])
    except DataError as error:
        if lock is not None:
            # The error keeps this frame alive, and the frame the lock.
            lock.close()
        raise DataError(error.expected, error.got, _REMEDY) from error
    with suppress(OSError):
        os.utime(folder / _LOCK)
    return stored


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the right to remove stored counts; nobody can read them meanwhile.

    Raises
    ------
    OSError
        If somebody reads them, or there are none.
    """
    # Counts without this file are never opened.
    with (folder / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def size(folder: Path) -> int:
    """Bytes of stored counts; DataError if there are none."""
    with reading("the stored counts"):
        sums = json.loads((folder / _SUMS).read_text(encoding="utf-8"))
        return sum(int(length) for length, _ in sums.values())


def used(folder: Path) -> float:
    """When stored counts were last opened, in seconds since the epoch."""
    return (folder / _LOCK).stat().st_mtime


def _write_rows(root: zarr.Group, counts: Counts) -> None:
    group = root.create_group("X")
    shape = [counts.n_cells, counts.n_genes]
    group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": shape})
    data, indices = (
        _AppendedArray(group, "data", np.float32),
        _AppendedArray(group, "indices", np.int32),
    )
    indptr = np.zeros(counts.n_cells + 1, dtype=np.int64)
    for start, stop in row_blocks(*shape):
        rows = counts.rows(start, stop)
        data.add(rows.data)
        indices.add(rows.indices)
        indptr[start + 1 : stop + 1] = indptr[start] + rows.indptr[1:]
        report_progress("keeping the counts", stop / counts.n_cells)
    data.end()
    indices.end()
    group.create_array("indptr", data=indptr)


class _AppendedArray:
    """An array of one axis that is written a few chunks at a time."""

    def __init__(self, group: zarr.Group, name: str, dtype: Any) -> None:
        self._array = group.create_array(
            name,
            shape=(0,),
            chunks=(CHUNK,),
            dtype=dtype,
            compressors=[BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle"), Crc32cCodec()],
            # Else zarr would take a lost chunk for an empty one.
            config={"write_empty_chunks": True},
        )
        self._parts: list[np.ndarray] = []
        self._waiting = 0

    def add(self, values: np.ndarray) -> None:
        """Append values."""
        self._parts.append(values.astype(self._array.dtype, copy=False))
        self._waiting += len(values)
        if self._waiting >= 4 * CHUNK:
            self._write(self._waiting // CHUNK * CHUNK)

    def end(self) -> None:
        """Write the remaining values."""
        self._write(self._waiting)

    def _write(self, length: int) -> None:
        values = np.concatenate([np.zeros(0, self._array.dtype), *self._parts])
        start = self._array.shape[0]
        self._array.resize((start + length,))
        self._array[start:] = values[:length]
        self._parts, self._waiting = [values[length:]], len(values) - length


def _counts(root: Any, obs: pd.DataFrame, about: Mapping[str, Any], lock: SharedLock) -> Counts:
    var, sizes = (cast(Any, ad.io.read_elem(root[name])) for name in ("var", "uns"))
    stored = as_matrix(root["X"], "X", "the stored counts")
    cells, genes = pd.Index(obs.index, dtype=str), pd.Index(var.index, dtype=str)
    labels = {str(place): name for place, name in enumerate(about["labels"])}
    if stored.shape != (len(cells), len(genes)) or not 0 <= about["reference"] < len(genes):
        raise ValueError("the names and the matrix do not fit together")
    streamed = stored.memory_bytes > memory_budget()
    rows: RowStore = StoredRows(stored, lock) if streamed else MemoryRows(_loaded(stored))
    report = {key: _tuple(value) for key, value in about["report"].items()}
    return Counts(
        cells=cells,
        genes=genes,
        reference=int(about["reference"]),
        obs=obs.set_axis(cells).rename(columns=labels),
        totals=np.asarray(sizes["totals"], dtype=np.float64),
        library_size=np.asarray(sizes["library_size"], dtype=np.float64),
        report=Report(**{**report, "streamed": streamed}),
        name=str(about["name"]),
        source=str(about["source"]),
        layer=str(about["layer"]),
        fingerprint=str(about["fingerprint"]),
        _rows=rows,
        gene_ids=pd.Index(var["gene_ids"].to_numpy(str), dtype=str) if "gene_ids" in var else None,
    )


def _loaded(stored: Matrix) -> sparse.csr_matrix:
    arrays = [np.asarray(part[:]) for part in (stored.values, stored.indices, stored.indptr)]
    check_compressed(arrays, stored.shape)
    return sparse.csr_matrix(tuple(arrays), shape=stored.shape)


def _info(values: Mapping[str, Any]) -> SourceInfo:
    nested = {"layers": LayerInfo, "columns": ColumnInfo, "offers": Offer}
    plain = {key: _tuple(value) for key, value in values.items()}
    for name, kind in nested.items():
        parts = ({key: _tuple(value) for key, value in part.items()} for part in values[name])
        plain[name] = tuple(kind(**part) for part in parts)
    return SourceInfo(**plain)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _sums(folder: Path) -> dict[str, tuple[int, int | None]]:
    """Size and checksum of each file; a chunk of X carries its own."""
    sums: dict[str, tuple[int, int | None]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            chunk = name.startswith((f"{_ZARR}/X/data/c/", f"{_ZARR}/X/indices/c/"))
            sums[name] = path.stat().st_size, None if chunk else zlib.crc32(path.read_bytes())
    return sums


def check(folder: Path) -> None:
    """Refuse stored counts of which a file is missing, of another size or changed.

    Raises
    ------
    OSError, ValueError
        If one is.
    """
    sums = json.loads((folder / _SUMS).read_text(encoding="utf-8"))
    for name, (size, checksum) in sums.items():
        path = folder / name
        if path.stat().st_size != size:
            raise ValueError(f"{name} of another size")
        if checksum is not None and zlib.crc32(path.read_bytes()) != checksum:
            raise ValueError(f"{name} changed")
