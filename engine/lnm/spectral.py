"""A cheap start: singular vectors of the Pearson residuals under a Poisson model of the counts."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from engine.data import Counts

# Largest scores, in standard deviations: a linear start overestimates larger ones.
_MOST = 3.0
# Counts of a gene at which shrinkage halves its estimates.
_SHRINKAGE = 20.0
# Relative to the largest: as good as zero.
_NOTHING = 1e-6


def spectral_start(
    counts: Counts, n_factors: int, seed: int, covariates: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log mean intensities (G,), loadings (G, k) and scores (C, k) to start from.

    The residuals ``(u - N p) / sqrt(N p)`` are a sparse matrix less one of rank one, and are never
    formed. Shares p are those of all counts; scores have variance one; loadings are the scores'
    covariances with the residual counts, shrunk for rare genes. Scores are orthogonal to
    covariates.

    Parameters
    ----------
    counts
        Held in memory: a subsample of cells if they are many.
    seed
        Seed of the first vector of the singular value decomposition.
    covariates
        (C, p) covariates, if there are any.
    """
    matrix = counts.matrix()
    if matrix is None:
        raise ValueError("the start is made from cells held in memory")
    matrix = matrix.astype(np.float64)
    totals = counts.totals
    gene_totals = np.asarray(matrix.sum(0)).ravel()
    # A gene of the data may have no count in a subsample.
    shares = np.maximum(gene_totals, 0.5) / totals.sum()
    left, right = np.sqrt(totals), np.sqrt(shares)
    scaled = sparse.diags_array(1 / left) @ matrix @ sparse.diags_array(1 / right)
    along = np.zeros((counts.n_cells, 0))
    if covariates is not None:
        weighted = left[:, None] * covariates.astype(np.float64)
        squares, axes = np.linalg.eigh(weighted.T @ weighted)
        own = squares > _NOTHING**2 * squares.max()
        along = weighted @ (axes[:, own] / np.sqrt(squares[own]))

    def apart(v: np.ndarray) -> np.ndarray:
        """Remove the part along the covariates."""
        return v - along @ (along.T @ v)

    residuals = LinearOperator(
        matrix.shape,
        matvec=lambda v: apart(scaled @ np.ravel(v) - left * (right @ np.ravel(v))),
        rmatvec=lambda v: scaled.T @ apart(np.ravel(v)) - right * (left @ apart(np.ravel(v))),
        dtype=np.float64,
    )
    if not n_factors:
        return np.log(shares), np.zeros((counts.n_genes, 0)), np.zeros((counts.n_cells, 0))
    first = np.random.default_rng(seed).normal(size=min(matrix.shape))
    vectors, _, _ = svds(residuals, k=n_factors, v0=first, tol=1e-2)
    scores = np.clip(vectors * np.sqrt(len(totals)), -_MOST, _MOST)
    explained = matrix.T @ scores - np.outer(shares, totals @ scores)
    loadings = np.clip(explained / (gene_totals + _SHRINKAGE)[:, None], -2, 2)
    return np.log(shares), loadings, scores


def effects_start(counts: Counts, covariates: np.ndarray | None) -> np.ndarray:
    """(G, p) effects of covariates (C, p): one scoring step of the Poisson model, shrunk.

    Parameters
    ----------
    counts
        Held in memory.
    """
    matrix = counts.matrix()
    if matrix is None:
        raise ValueError("the start is made from cells held in memory")
    if covariates is None:
        return np.zeros((counts.n_genes, 0))
    x, totals = covariates.astype(np.float64), counts.totals
    gene_totals = np.asarray(matrix.sum(0)).ravel()
    shares = np.maximum(gene_totals, 0.5) / totals.sum()
    information = x.T @ (totals[:, None] * x)
    information += _NOTHING * np.trace(information) * np.eye(len(information))
    beyond = matrix.T @ x - np.outer(shares, totals @ x)
    effects = np.linalg.solve(information, beyond.T).T / shares[:, None]
    effects *= (gene_totals / (gene_totals + _SHRINKAGE))[:, None]
    return np.clip(effects, -2, 2)
