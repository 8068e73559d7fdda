"""Files of 10x Cell Ranger (.h5), and of the tools that write the same, such as CellBender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.choices import ChoiceNeeded, Choices, Notes, Offer, how_to, listed, pick
from engine.data.memory import memory_budget
from engine.data.reader_errors import shorten
from engine.data.tables import GENOMES, TYPES
from engine.errors import DataError
from engine.files.elements import check_compressed, check_elements

ARRAYS = {"data", "indices", "indptr", "shape", "barcodes"}
# Read as a whole.
NAMES = ("barcodes", "features", "genes", "gene_names", "shape", "indptr")
BYTES_PER_ENTRY = 24


def is_tenx(file: h5py.File) -> bool:
    """Whether a group at the top holds a 10x matrix; other tools write more beside it."""
    return bool(_groups(file))


def read(file: h5py.File, path: Path, choices: Choices) -> tuple[ad.AnnData, Notes]:
    """All features of a 10x .h5, Cell Ranger 2 or later.

    Raises
    ------
    DataError
        If it does not fit into memory.
    ChoiceNeeded
        If it holds genomes of different cells and nothing says which to read.
    """
    groups = _groups(file)
    check_memory(sum(group["data"].size for group in groups.values()), path)
    names = [f"{group}/{part}" for group in groups for part in NAMES]
    check_elements(file, groups, names, path.stat().st_size)
    claimed = sum(_bytes(group) for group in groups.values())
    if claimed > memory_budget():
        raise DataError(
            "10x output that fits into memory",
            f"{claimed / 1e9:,.1f} GB in {shorten(path.name)}",
            "Convert it once to .h5ad where memory allows: that is streamed from disk.",
        )
    # Since version 3 all features are in one group, with their genomes.
    if len(groups) == 1 or "matrix" in groups:
        name = "matrix" if "matrix" in groups else next(iter(groups))
        matrix, barcodes, var = _parts(groups[name])
        if choices.genome is not None and GENOMES not in var:
            var[GENOMES] = name
        return ad.AnnData(matrix, obs=pd.DataFrame(index=barcodes), var=var), Notes()
    options = tuple(groups)
    if choices.genome is not None:
        name = pick("genome", choices.genome, options)
        text = f"Read the genes of {name}, as asked."
        return _to_adata(groups[name]), Notes((text,), (), (Offer("genome", options, name),))
    parts = [_parts(group) for group in groups.values()]
    cells = parts[0][1]
    if any(not cells.sort_values().equals(own.sort_values()) for _, own, _ in parts):
        counted = [f"{n} with {len(p[1]):,} cells" for n, p in zip(groups, parts, strict=True)]
        raise ChoiceNeeded(
            "one genome, or several of the same cells",
            f"{len(groups)} genomes of different cells in {shorten(path.name)}: {listed(counted)}",
            f"Choose one by {how_to('genome', options[0])}.",
            Offer("genome", options),
        )
    repeated = int(cells.duplicated().sum())
    if repeated:
        raise ChoiceNeeded(
            "one genome, or barcodes that tell its cells apart",
            f"{len(groups)} genomes and repeated barcodes ({repeated:,}) in {shorten(path.name)}",
            f"Choose one genome by {how_to('genome', options[0])}.",
            Offer("genome", options),
        )
    for name, (_, _, var) in zip(groups, parts, strict=True):
        var[GENOMES] = name
    rows = [matrix[own.get_indexer(cells)] for matrix, own, _ in parts]
    joined = sparse.csr_matrix(sparse.hstack(rows, format="csr"))
    var = pd.concat([var for _, _, var in parts])
    return ad.AnnData(joined, obs=pd.DataFrame(index=cells), var=var), Notes()


def check_memory(entries: int, path: Path) -> None:
    """Refuse more entries than fit into memory."""
    if entries * BYTES_PER_ENTRY > memory_budget():
        raise DataError(
            "10x output that fits into memory",
            f"{entries:,} entries in {path.name}",
            "Convert it once to .h5ad where memory allows: that is streamed from disk.",
        )


def _groups(file: h5py.File) -> dict[str, h5py.Group]:
    return {
        name: item
        for name, item in file.items()
        if isinstance(item, h5py.Group) and set(item) >= ARRAYS
    }


def _to_adata(group: h5py.Group) -> ad.AnnData:
    matrix, barcodes, var = _parts(group)
    return ad.AnnData(matrix, obs=pd.DataFrame(index=barcodes), var=var)


def _bytes(group: h5py.Group) -> int:
    return sum(item.nbytes for item in group.values() if isinstance(item, h5py.Dataset))


def _parts(group: h5py.Group) -> tuple[sparse.csr_matrix, pd.Index, pd.DataFrame]:
    """Counts of cells x features, barcodes, and features with their ids, types and genomes."""
    genes, cells = (int(length) for length in group["shape"][:])
    arrays = [np.asarray(group[name][:]) for name in ("data", "indices", "indptr")]
    # SciPy follows the indices unchecked, into foreign memory if they are damaged.
    check_compressed(arrays, (cells, genes))
    matrix = sparse.csr_matrix(tuple(arrays), shape=(cells, genes))
    columns = {"gene_ids": "id", TYPES: "feature_type", GENOMES: "genome"}
    if "features" in group:
        names, own = _texts(group["features"]["name"]), group["features"]
    else:
        names, own = _texts(group["gene_names"]), group
        columns = {"gene_ids": "genes"}
    var = pd.DataFrame(index=pd.Index(names, dtype=object))
    for column, stored in columns.items():
        if stored in own:
            var[column] = _texts(own[stored])
    barcodes = pd.Index(_texts(group["barcodes"]), dtype=object)
    return matrix, barcodes, var


def _texts(dataset: Any) -> np.ndarray:
    values = dataset[:]
    return np.array(
        [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values],
        dtype=object,
    )
