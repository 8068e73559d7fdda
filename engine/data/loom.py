"""Loom files: genes x cells, with attributes of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from engine.data.choices import Notes, listed
from engine.data.matrices import TransposedDataset
from engine.data.reader_errors import shorten
from engine.data.tables import MatrixAndGenes, Table, table_of
from engine.errors import DataError
from engine.files.elements import check_elements

GENES = ("Gene", "GeneName", "gene_names", "gene_name", "var_names", "Symbol", "Accession", "index")
CELLS = ("CellID", "cell_names", "obs_names", "Barcode", "barcode", "cell_id", "index")


def is_loom(file: h5py.File) -> bool:
    """Whether this is a loom file, version 2 or 3."""
    return {"matrix", "row_attrs", "col_attrs"} <= set(file) and isinstance(
        file["matrix"], h5py.Dataset
    )


def read(file: h5py.File, path: Path) -> Table:
    """The matrix (as X), the layers and the labels of the cells; the matrices stay on disk.

    Raises
    ------
    DataError
        If nothing names the genes.
    """
    size = path.stat().st_size
    check_elements(file, list(file), ("row_attrs", "col_attrs"), size)
    genes, cells = (int(length) for length in file["matrix"].shape)
    rows, columns = _attributes(file["row_attrs"], genes), _attributes(file["col_attrs"], cells)
    named = next((name for name in GENES if name in rows), None)
    if named is None:
        raise DataError(
            f"names of genes in the row attributes ({listed(GENES[:3])})",
            f"{listed(rows) or 'none'} in {shorten(path.name)}",
            "Write the file again with ds.ra.Gene.",
        )
    notes = Notes(reasons=(f"Read genes × cells, as .loom has it; genes by {named}.",))
    barcode = next((name for name in CELLS if name in columns), None)
    if barcode is None:
        notes += Notes(warnings=("The cells have no names (CellID); they were numbered.",))
    index = [f"cell{i}" for i in range(cells)] if barcode is None else columns.pop(barcode)
    obs = pd.DataFrame(columns, index=pd.Index(index, dtype=object))
    names = pd.Index(rows.pop(named), dtype=object)
    var = pd.DataFrame(rows, index=names)
    matrices: dict[str, MatrixAndGenes] = {"X": (TransposedDataset(file["matrix"]), var)}
    layers = file.get("layers")
    for name in layers if isinstance(layers, h5py.Group) else ():
        if isinstance(layers[name], h5py.Dataset) and layers[name].ndim == 2:
            label = f"layers/{name}" if name in ("X", "raw") else name
            matrices[label] = TransposedDataset(layers[name]), var
    table = table_of(path.stem, str(path), obs, matrices, shorten(path.name), file.close)
    return replace(table, notes=table.notes + notes)


def _attributes(group: h5py.Group, length: int) -> dict[str, Any]:
    """Attributes with one value per row; those of several columns are coordinates, and left out."""
    attributes: dict[str, Any] = {}
    for name, item in group.items():
        if not isinstance(item, h5py.Dataset) or item.shape != (length,):
            continue
        values = np.asarray(item[:])
        if values.dtype.kind in "OSU":
            values = np.array(
                [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values],
                dtype=object,
            )
        elif values.dtype.kind not in "buif":
            continue
        attributes[name] = values
    return attributes
