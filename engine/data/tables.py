"""Tables: labels of cells and names of genes in memory, matrices in memory or on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import zarr

from engine.data import chunks
from engine.data.choices import NOTHING, Notes
from engine.data.matrices import Matrix, as_matrix
from engine.data.reader_errors import reading, shorten
from engine.data.size_limits import check_shape, check_sizes
from engine.errors import DataError
from engine.files.elements import LABELS, check_elements

Source = str | os.PathLike[str] | ad.AnnData
FORMATS = "an AnnData (.h5ad or .zarr), a 10x .h5 or a folder with matrix.mtx"
ELEMENTS = ("obs", "var", "X", "layers", "raw")
TYPES, GENOMES = "feature_types", "genome"
# The values, and the annotation of the genes.
MatrixAndGenes = tuple[Any, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Layer:
    """A matrix and the annotation of its genes, indexed by their names as stored."""

    matrix: Matrix
    var: pd.DataFrame

    @property
    def genes(self) -> pd.Index:
        """Names of the genes as stored."""
        return pd.Index(self.var.index)

    @property
    def types(self) -> np.ndarray | None:
        """Types of the features; None if the file has none."""
        return _texts(self.var, TYPES)

    @property
    def genomes(self) -> np.ndarray | None:
        """Genomes of the features; None if the file has none."""
        return _texts(self.var, GENOMES)


@dataclass(frozen=True, eq=False)
class Table:
    """An opened source: labels in memory, matrices in memory or on disk.

    Attributes
    ----------
    name, source
        Short name for people; path, "demo" or "memory".
    obs
        Labels of the cells, indexed by their names as stored.
    layers
        "X", "raw" and the names of other layers, in this order.
    close
        Closes the file.
    notes
        Messages that came up while it was opened, and choices that it offers.
    """

    name: str
    source: str
    obs: pd.DataFrame
    layers: dict[str, Layer]
    close: Callable[[], None] = lambda: None
    notes: Notes = NOTHING


def from_elements(root: Any, path: Path, close: Callable[[], None]) -> Table:
    """A table from the parts of an AnnData on disk; nothing but names and labels is read."""
    try:
        file = shorten(path.name)
        # Before 0.8 AnnData wrote no type at the root of a .zarr.
        kind = str(root.attrs.get("encoding-type", "anndata"))
        missing = [name for name in ("obs", "var") if name not in root]
        if kind != "anndata" or missing:
            raise DataError(
                FORMATS,
                f"no AnnData in {file}"
                + (f" ({' and '.join(missing)} missing)" if missing else ""),
                "Read it with scanpy and save it with adata.write_h5ad or adata.write_zarr.",
            )
        size = folder_bytes(path) if isinstance(root, zarr.Group) else path.stat().st_size
        check_elements(root, [name for name in ELEMENTS if name in root], LABELS, size)
        obs = _frame(ad.io.read_elem(root["obs"]), file)
        genes = _frame(ad.io.read_elem(root["var"]), file, "genes in var")
        matrices: dict[str, MatrixAndGenes] = {}
        if _holds(root, "X"):
            matrices["X"] = root["X"], genes
        if _holds(root, "raw"):
            raw = _frame(ad.io.read_elem(root["raw"]["var"]), file, "genes in raw/var")
            matrices["raw"] = root["raw"]["X"], _annotate_raw(raw, genes)
        if _holds(root, "layers"):
            for name in root["layers"]:
                matrices[_layer_name(name)] = root["layers"][name], genes
        table = table_of(path.stem, str(path), obs, matrices, file, close)
        warnings = tuple(
            filter(None, (chunks.missing_words(name, matrices[name][0]) for name in table.layers))
        )
        return replace(table, notes=Notes(warnings=warnings)) if warnings else table
    except BaseException:
        close()
        raise


def folder_bytes(path: Path) -> int:
    """Size of all files of a folder; DataError if one of them is a link to elsewhere."""
    inside, size = path.resolve(), 0
    for part in path.rglob("*"):
        if part.is_symlink() and not part.resolve().is_relative_to(inside):
            raise DataError(
                "a folder that holds all its data itself",
                f"{shorten(part.name)} pointing elsewhere",
                "Copy the folder with the files that its links lead to.",
            )
        if part.is_file():
            size += part.stat().st_size
        elif not part.is_dir():
            # To read a pipe would block.
            raise DataError(
                "a folder of files",
                f"{shorten(part.name)}, which is none",
                "Copy the data again from where they were written.",
            )
    return size


def from_anndata(adata: ad.AnnData, name: str, source: str) -> Table:
    """A table from an AnnData in memory."""
    matrices: dict[str, MatrixAndGenes] = {}
    with reading(name):
        genes = _frame(adata.var, name, "genes in var")
        if adata.X is not None:
            matrices["X"] = adata.X, genes
        if adata.raw is not None:
            raw = _frame(adata.raw.var, name, "genes in raw.var")
            matrices["raw"] = adata.raw.X, _annotate_raw(raw, genes)
        for layer in list(adata.layers.keys()):
            if layer is not None:
                matrices[_layer_name(layer)] = adata.layers[layer], genes
        return table_of(name, source, _frame(adata.obs, name), matrices, name, lambda: None)


def table_of(
    name: str,
    source: str,
    obs: pd.DataFrame,
    matrices: dict[str, MatrixAndGenes],
    file: str,
    close: Callable[[], None],
) -> Table:
    """A table of matrices that are checked against their names."""
    layers, problems = {}, []
    for layer, (values, var) in matrices.items():
        try:
            matrix = as_matrix(values, layer, file)
        except DataError as error:
            problems.append(error)
            continue
        check_shape(matrix.shape, (len(obs), len(var)), layer, file)
        layers[layer] = Layer(matrix, var)
    if not layers and problems:
        raise problems[0]
    if not layers:
        raise DataError(
            "a matrix of counts in X, raw or a layer",
            f"none in {file}",
            "Save the counts as adata.X or adata.layers['counts'].",
        )
    check_sizes(len(obs), max(len(layer.genes) for layer in layers.values()), file)
    return Table(name, source, obs, layers, close)


def _holds(root: Any, name: str) -> bool:
    """Whether an element exists; AnnData may write a missing one as null."""
    return name in root and str(root[name].attrs.get("encoding-type")) != "null"


def _frame(table: object, file: str, what: str = "cells in obs") -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"a table of {what}", f"{type(table).__name__} in {file}", "Write the file again."
        )
    # pandas computes with the byte order of the machine only.
    foreign = {
        name: column.dtype.newbyteorder("=")
        for name, column in table.items()
        if isinstance(column.dtype, np.dtype) and not column.dtype.isnative
    }
    return table.astype(foreign) if foreign else table


def _annotate_raw(raw: pd.DataFrame, var: pd.DataFrame) -> pd.DataFrame:
    """The genes of ``raw``, with the columns that only ``var`` has."""
    if raw.index.has_duplicates or var.index.has_duplicates:
        return raw
    return raw.join(var[[name for name in var.columns if name not in raw.columns]])


def _texts(var: pd.DataFrame, name: str) -> np.ndarray | None:
    """A column as text; None if there is none."""
    return np.asarray(var[name].astype(str), dtype=object) if name in var else None


def _layer_name(name: str) -> str:
    return f"layers/{name}" if name in ("X", "raw") else str(name)
