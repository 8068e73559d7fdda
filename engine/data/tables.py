"""Open a source of counts: an AnnData, its file, or the output folder or file of 10x."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import zarr

from engine.data import tenx
from engine.data.border import reading, shorten
from engine.data.demo import DEMO, demo_adata
from engine.data.limits import check_shape, check_sizes
from engine.data.matrices import Matrix, as_matrix
from engine.data.probe import probe
from engine.errors import DataError
from engine.results.elements import LABELS, check_elements

Source = str | os.PathLike[str] | ad.AnnData
FORMATS = "an AnnData (.h5ad or .zarr), a 10x .h5 or a folder with matrix.mtx"
ELEMENTS = ("obs", "var", "X", "layers", "raw")


@dataclass(frozen=True, eq=False)
class Layer:
    """A matrix, and what is known of its genes, indexed by their names as stored."""

    matrix: Matrix
    var: pd.DataFrame

    @property
    def genes(self) -> pd.Index:
        """Names of the genes as stored."""
        return pd.Index(self.var.index)


@dataclass(frozen=True, eq=False)
class Table:
    """An opened source: labels in memory, matrices where they lie.

    Attributes
    ----------
    name, source
        Short name for people; path, "demo" or "memory".
    obs
        Labels of the cells, indexed by their names as stored.
    layers
        "X", "raw" and the names of other layers, in this order.
    close
        Lets go of the file.
    """

    name: str
    source: str
    obs: pd.DataFrame
    layers: dict[str, Layer]
    close: Callable[[], None] = lambda: None


def open_table(source: Source) -> Table:
    """Open a source without reading its matrices.

    Raises
    ------
    DataError
        If there is nothing at the path, or nothing that holds counts.
    """
    if isinstance(source, ad.AnnData):
        return _from_anndata(source, "AnnData", "memory")
    if isinstance(source, str) and source == DEMO:
        return _from_anndata(demo_adata(), "PBMC 68k (demo)", DEMO)
    if not isinstance(source, str | os.PathLike) or not str(source).strip():
        raise DataError(
            f"a path, an AnnData or {DEMO!r}", shorten(repr(source)), f"Pass {FORMATS}."
        )
    path = Path(os.fsdecode(source)).expanduser()
    with reading(shorten(path.name or path)):
        if path.is_dir():
            return _open_folder(path)
        if path.exists():
            return _open_file(path)
    raise DataError(
        f"a file or folder at {shorten(path, 200)}",
        "nothing there",
        "Check the spelling; a relative path starts where the program was started.",
    )


def _open_folder(path: Path) -> Table:
    if (path / "zarr.json").exists() or (path / ".zgroup").exists():
        return _from_elements(zarr.open_group(path, mode="r"), path, lambda: None)
    if list(path.glob("*matrix.mtx*")):
        return _from_anndata(tenx.read_folder(path), path.name, str(path))
    raise DataError(
        FORMATS,
        f"a folder that is neither ({shorten(path.name)})",
        "Choose the folder that holds matrix.mtx, or a folder written by adata.write_zarr.",
    )


def _open_file(path: Path) -> Table:
    if "matrix.mtx" in path.name:
        return _from_anndata(tenx.read_folder(path.parent), path.parent.name, str(path))
    if path.stat().st_size == 0:
        raise DataError(FORMATS, f"an empty file ({path.name})", "Copy or download it again.")
    if not h5py.is_hdf5(path):
        raise DataError(
            FORMATS,
            f"a file of another kind ({shorten(path.name)})",
            "Read it with scanpy and save it with adata.write_h5ad('counts.h5ad').",
        )
    probe(path)
    file = h5py.File(path, "r", locking="best-effort")
    try:
        if str(file.attrs.get("encoding-type")) == "anndata":
            return _from_elements(file, path, file.close)
        names = set(file)
        check_elements(file, names, LABELS, path.stat().st_size)
        is_tenx = tenx.is_tenx(file)
    except BaseException:
        file.close()
        raise
    file.close()
    if is_tenx:
        return _from_anndata(tenx.read_file(path), path.stem, str(path))
    if {"X", "obs", "var"} <= names:
        # Written before AnnData files carried their type: only anndata itself knows how to read it.
        return _from_anndata(ad.read_h5ad(path), path.stem, str(path))
    if "mod" in names:
        raise DataError(
            FORMATS,
            f"several modalities in one file ({shorten(path.name)})",
            "Save the one with RNA counts alone, e.g. mdata['rna'].write_h5ad('rna.h5ad').",
        )
    raise DataError(
        FORMATS,
        f"an HDF5 file of another kind ({shorten(path.name)})",
        "Read it with scanpy and save it with adata.write_h5ad('counts.h5ad').",
    )


def _from_elements(root: Any, path: Path, close: Callable[[], None]) -> Table:
    """A table from the parts of an AnnData on disk; nothing but names and labels is read."""
    try:
        file = shorten(path.name)
        kind = str(root.attrs.get("encoding-type"))
        missing = [name for name in ("obs", "var") if name not in root]
        if kind != "anndata" or missing:
            raise DataError(
                FORMATS,
                f"no AnnData in {file}"
                + (f" ({' and '.join(missing)} missing)" if missing else ""),
                "Read it with scanpy and save it with adata.write_h5ad or adata.write_zarr.",
            )
        size = _folder_bytes(path) if isinstance(root, zarr.Group) else path.stat().st_size
        check_elements(root, [name for name in ELEMENTS if name in root], LABELS, size)
        obs = _frame(ad.io.read_elem(root["obs"]), file)
        genes = _frame(ad.io.read_elem(root["var"]), file, "genes in var")
        found: dict[str, tuple[Any, pd.DataFrame]] = {}
        if _holds(root, "X"):
            found["X"] = root["X"], genes
        if _holds(root, "raw"):
            found["raw"] = (
                root["raw"]["X"],
                _described(
                    _frame(ad.io.read_elem(root["raw"]["var"]), file, "genes in raw/var"), genes
                ),
            )
        if _holds(root, "layers"):
            for name in root["layers"]:
                found[_layer_name(name)] = root["layers"][name], genes
        return _table(path.stem, str(path), obs, found, file, close)
    except BaseException:
        close()
        raise


def _folder_bytes(path: Path) -> int:
    """Size of all files of a folder; DataError if one of them lies elsewhere."""
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
    return size


def _from_anndata(adata: ad.AnnData, name: str, source: str) -> Table:
    found: dict[str, tuple[Any, pd.DataFrame]] = {}
    with reading(name):
        if adata.X is not None:
            found["X"] = adata.X, _frame(adata.var, name)
        if adata.raw is not None:
            found["raw"] = (
                adata.raw.X,
                _described(_frame(adata.raw.var, name), _frame(adata.var, name)),
            )
        for layer in list(adata.layers.keys()):
            if layer is not None:
                found[_layer_name(layer)] = adata.layers[layer], _frame(adata.var, name)
        return _table(name, source, _frame(adata.obs, name), found, name, lambda: None)


def _table(
    name: str,
    source: str,
    obs: pd.DataFrame,
    found: dict[str, tuple[Any, pd.DataFrame]],
    file: str,
    close: Callable[[], None],
) -> Table:
    layers, problems = {}, []
    for layer, (values, genes) in found.items():
        try:
            matrix = as_matrix(values, layer, file)
        except DataError as error:
            problems.append(error)
            continue
        check_shape(matrix.shape, (len(obs), len(genes)), layer, file)
        layers[layer] = Layer(matrix, genes)
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
    """Whether an element is there; what AnnData lacks it may write as null."""
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


def _described(raw: pd.DataFrame, var: pd.DataFrame) -> pd.DataFrame:
    """The genes of ``raw``, with what only the table of the modelled ones says of them."""
    if raw.index.has_duplicates or var.index.has_duplicates:
        return raw
    return raw.join(var[[name for name in var.columns if name not in raw.columns]])


def _layer_name(name: str) -> str:
    return f"layers/{name}" if name in ("X", "raw") else str(name)
