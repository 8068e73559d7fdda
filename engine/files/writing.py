"""Write fits as .h5ad files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal, cast

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from engine.errors import FitError
from engine.files.atomic import atomic_write
from engine.files.probing import trust

# To shuffle the bytes shrinks small integers most, even at the fastest level.
_COUNTS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def write(
    adata: ad.AnnData, path: str | os.PathLike[str], counts: sparse.csr_matrix | None
) -> Path:
    """Write a fit, in place of an older file as a whole.

    Parameters
    ----------
    counts
        Matrix to write as ``X``, compressed; None leaves the ``X`` of ``adata``.

    Returns
    -------
    The path written.

    Raises
    ------
    FitError
        If the file cannot be written.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            write_portable(adata, temporary)
            if counts is not None:
                with h5py.File(temporary, "a") as file:
                    ad.io.write_elem(file, "X", counts, dataset_kwargs=_COUNTS)
        trust(target)
    # A full disk is a RuntimeError where HDF5 notices it as it closes the file.
    except (OSError, RuntimeError) as error:
        reason = (
            os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        )
        raise FitError(
            "room to write the fit", reason, "Free some space, or choose another path."
        ) from error
    return target


def write_portable(
    adata: ad.AnnData, path: Path, compression: Literal["gzip"] | None = None
) -> None:
    """Write a file that older anndata (0.10), scanpy and cellxgene open: text in plain arrays.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    # In memory they are tables of pandas, not of a file.
    obs, var = cast(pd.DataFrame, adata.obs), cast(pd.DataFrame, adata.var)
    adata.obs, adata.var = portable(obs), portable(var)
    with ad.settings.override(allow_write_nullable_strings=False):
        adata.write_h5ad(path, compression=compression)


def portable(table: pd.DataFrame) -> pd.DataFrame:
    """The columns as numbers, booleans and categories, which every reader of .h5ad knows.

    Numbers that may be missing become float64 with NaN; any other column that is no plain array
    of numbers becomes categories of text, in which what is missing has the code -1.
    """
    return table.assign(**{str(name): _portable(table[name]) for name in table})


def _portable(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "buif":
        return column
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        return (
            column if isinstance(categories.dtype, np.dtype) else column.cat.rename_categories(str)
        )
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype(np.float64)
    return column.astype(object).map(str, na_action="ignore").astype("category")


def add_data(path: str | os.PathLike[str], more: dict[str, Any]) -> None:
    """Add entries to ``data`` of a saved fit; the rest of the file stays as it is.

    Raises
    ------
    FitError
        If the file cannot be written.
    """
    try:
        with h5py.File(path, "r+") as file:
            meta = file["uns/logratio"]
            known = json.loads(str(ad.io.read_elem(meta["data"])))
            ad.io.write_elem(meta, "data", json.dumps(known | more))
    except OSError as error:
        raise FitError("a saved fit to add to", str(error), "Choose another path.") from error
