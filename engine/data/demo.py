"""Demo counts without network: the 68k PBMC subset that scanpy ships."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.quiet import quiet
from engine.errors import DataError
from engine.genes import OTHER

DEMO = "demo"
LABEL_COLUMNS = ["bulk_labels", "louvain", "phase", "percent_mito"]


def demo_adata() -> ad.AnnData:
    """Counts of 700 peripheral blood cells, 765 genes and everything else as ``_other``.

    scanpy ships ``log1p(counts / n_counts * 1e4)`` stored to three decimals, so
    ``counts = expm1(raw) * n_counts / 1e4`` is whole up to the stored rounding, which is
    checked. ``n_counts`` is the library size over all genes, which makes ``_other``, its
    remainder, a real count too.

    Returns
    -------
    AnnData
        (700, 766) CSR counts; ``obs``: bulk_labels, louvain, phase, percent_mito and
        total_counts_all_genes.

    Raises
    ------
    DataError
        If the file in this version of scanpy does not hold such counts.

    Source: Zheng et al. (2017), Nature Communications 8, 14049.
    """
    shipped, raw, genes_shipped = _shipped()
    logged = sparse.csr_matrix(raw, dtype=np.float64)
    library_size = shipped["n_counts"].to_numpy(dtype=np.float64)
    scale = np.repeat(library_size / 1e4, np.diff(logged.indptr))
    estimate = np.expm1(logged.data) * scale
    values = np.rint(estimate)
    # Half a unit of the third decimal of log1p, and float32 on top.
    tolerance = (0.5e-3 + 1e-6) * (estimate + scale)
    remainder = library_size - np.bincount(
        np.repeat(np.arange(logged.shape[0]), np.diff(logged.indptr)), weights=values
    )
    if not (
        np.all(np.abs(estimate - values) <= tolerance)
        and np.all(tolerance < 0.5)
        and np.all(values > 0)
        and np.all(remainder >= 0)
    ):
        raise DataError(
            "the demo counts of scanpy to be whole numbers after undoing the logarithm",
            "values that are not",
            "Install the version of scanpy named in the lock file.",
        )
    genes = sparse.csr_matrix((values, logged.indices, logged.indptr), shape=logged.shape)
    counts = sparse.hstack([genes, sparse.csr_matrix(remainder[:, None])], format="csr")
    obs = shipped[LABEL_COLUMNS].copy()
    obs.index.name = None
    obs["total_counts_all_genes"] = library_size
    names = [*genes_shipped.index.astype(str), OTHER]
    matrix = sparse.csr_matrix(counts.astype(np.float32))
    with quiet():
        return ad.AnnData(X=matrix, obs=obs, var=pd.DataFrame(index=names))


def _shipped() -> tuple[pd.DataFrame, Any, pd.DataFrame]:
    """Labels, unscaled values and genes of scanpy's file; to import scanpy would take seconds."""
    spec = find_spec("scanpy")
    path = Path(str(spec and spec.origin)).parent / "datasets" / "10x_pbmc68k_reduced.h5ad"
    if not path.is_file():
        raise DataError(
            "the demo data that scanpy ships",
            f"no {path.name} beside it",
            "Install the version of scanpy named in the lock file.",
        )
    with quiet(), h5py.File(path, "r", locking="best-effort") as file:
        parts = (ad.io.read_elem(file[name]) for name in ("obs", "raw/X", "raw/var"))
        return cast("tuple[pd.DataFrame, Any, pd.DataFrame]", tuple(parts))
