"""Output of 10x Cell Ranger, read by scanpy after its arrays were checked."""

from __future__ import annotations

import gzip
from pathlib import Path

import anndata as ad
import h5py
import numpy as np

from engine.data.memory import memory_budget
from engine.errors import DataError
from engine.results.elements import check_compressed

ARRAYS = {"data", "indices", "indptr", "shape"}
BYTES_PER_ENTRY = 24
# What a gzip stream can expand to at most, and the shortest line of a matrix.mtx ("1 1 1\n").
GZIP_RATIO = 1032
SHORTEST_LINE = 6


def is_tenx(file: h5py.File) -> bool:
    """Whether every group at the top holds a 10x matrix."""
    groups = [item for item in file.values() if isinstance(item, h5py.Group)]
    return bool(groups) and all({*ARRAYS, "barcodes"} <= set(group) for group in groups)


def read_file(path: Path) -> ad.AnnData:
    """Gene expression of a 10x .h5, Cell Ranger 2 or later.

    Raises
    ------
    DataError
        If it does not fit into memory.
    """
    import scanpy as sc

    with h5py.File(path, "r", locking="best-effort") as file:
        entries = sum(group["data"].size for group in file.values())
        _check_memory(entries, path)
        for group in file.values():
            genes, cells = (int(length) for length in group["shape"][:])
            arrays = [np.asarray(group[name][:]) for name in ("data", "indices", "indptr")]
            # scanpy follows the indices unchecked, into foreign memory if they are damaged.
            check_compressed(arrays, (cells, genes))
    return sc.read_10x_h5(path)


def read_folder(path: Path) -> ad.AnnData:
    """Gene expression of a folder with matrix.mtx, features or genes, and barcodes.

    Raises
    ------
    DataError
        If parts are missing, or it does not fit into memory.
    """
    import scanpy as sc

    matrix = min(path.glob("*matrix.mtx*"))
    prefix, _, suffix = matrix.name.partition("matrix.mtx")
    legacy = (path / f"{prefix}genes.tsv").is_file()
    features = "genes.tsv" if legacy else f"features.tsv{suffix}"
    needed = [f"{prefix}{features}", f"{prefix}barcodes.tsv{'' if legacy else suffix}"]
    missing = [name for name in needed if not (path / name).is_file()]
    if missing:
        raise DataError(
            f"{' and '.join(needed)} beside {matrix.name}",
            f"no {' and no '.join(missing)}",
            "Put the three files of the 10x output into one folder.",
        )
    _check_memory(_entries(matrix), matrix)
    return sc.read_10x_mtx(
        path, prefix=prefix or None, compressed=suffix == ".gz", make_unique=False
    )


def _entries(path: Path) -> int:
    """Number of entries that a matrix.mtx announces, if the file can hold them."""
    compressed = path.suffix == ".gz"
    with gzip.open(path, "rt") if compressed else path.open() as lines:
        header = next((line for line in lines if not line.startswith("%")), "")
    entries = int(header.split()[2])
    if entries * SHORTEST_LINE > path.stat().st_size * (GZIP_RATIO if compressed else 1):
        raise ValueError(f"{entries:,} entries announced, more than the file can hold")
    return entries


def _check_memory(entries: int, path: Path) -> None:
    if entries * BYTES_PER_ENTRY > memory_budget():
        raise DataError(
            "10x output that fits into memory",
            f"{entries:,} entries in {path.name}",
            "Convert it once to .h5ad where memory allows: that is streamed from disk.",
        )
