"""Demo counts without network: the 68k PBMC subset that scanpy ships."""

from __future__ import annotations

import anndata as ad
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
    import scanpy as sc

    with quiet():
        shipped = sc.datasets.pbmc68k_reduced()
    logged = sparse.csr_matrix(shipped.raw.X, dtype=np.float64)
    library_size = shipped.obs["n_counts"].to_numpy(dtype=np.float64)
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
    obs = shipped.obs[LABEL_COLUMNS].copy()
    obs.index.name = None
    obs["total_counts_all_genes"] = library_size
    names = [*shipped.raw.var_names.astype(str), OTHER]
    matrix = sparse.csr_matrix(counts.astype(np.float32))
    with quiet():
        return ad.AnnData(X=matrix, obs=obs, var=pd.DataFrame(index=names))
