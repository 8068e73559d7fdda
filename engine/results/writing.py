"""Write fits as .h5ad files."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
from scipy import sparse

from engine.errors import FitError

# With their bytes shuffled, small integers shrink most, even at the level that is quickest.
_COUNTS = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def write(
    adata: ad.AnnData, path: str | os.PathLike[str], counts: sparse.csr_matrix | None
) -> Path:
    """Write under a temporary name first, then rename.

    Parameters
    ----------
    counts
        What becomes ``X``, compressed; None leaves the ``X`` of ``adata``.

    Returns
    -------
    The path written.

    Raises
    ------
    FitError
        If the file cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        adata.write_h5ad(temporary)
        if counts is not None:
            with h5py.File(temporary, "a") as file:
                ad.io.write_elem(file, "X", counts, dataset_kwargs=_COUNTS)
        os.replace(temporary, target)
    except OSError as error:
        raise FitError("a place to write the fit", str(error), "Choose another path.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return target


def add_data(path: str | os.PathLike[str], more: dict[str, Any]) -> None:
    """Add to what a saved fit tells of its data; the rest of the file is left alone.

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
