"""CLR coordinates of single cells."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import sparse

from engine.results import AnyFit
from engine.summaries.positions import cell_positions, gene_positions

Matrix = sparse.csc_matrix | sparse.csr_matrix


def cell_clr(
    fit: AnyFit,
    genes: Iterable[str],
    *,
    cells: np.ndarray | None = None,
    counts: Matrix | None = None,
) -> pd.DataFrame:
    """CLR of genes in cells at the posterior mode, cells x genes, nats, float32.

    Without counts, the part that the factors carry: ``mu_g + w_g . z_c``. With counts also each
    gene's own residual ``e_g - mean(e)``, at its mode given z_c and the cell's intensity, see
    ``engine.lnm.cell_residuals``; the mean is over all features of the simplex. Topics have no
    residual: with counts or without, this is the CLR of the proportions that they give to the cell.

    Parameters
    ----------
    genes
        Names, in the order wanted.
    cells
        Positions or a (C,) mask; all cells by default.
    counts
        The (C, G) counts that were fitted. All features of the requested cells are used: about 0.1
        s for 1,000 cells x 2,000 features. Request a sample of a large data set.

    Notes
    -----
    Approximate with counts: the uncertainty of z is ignored, and the intensity is that of the model
    but for terms of third order in the residuals (less exact for residual variances above 3, which
    the model integrates by quadrature). As in any posterior mode, residuals of rare genes are
    shrunk towards 0.

    Raises
    ------
    DataError
        If a name is not among the modelled genes, or cells or counts are not of this fit.
    """
    columns, rows = gene_positions(fit, genes), cell_positions(fit, cells)
    values = fit.cell_clr(rows, columns)
    if counts is not None and (own := fit.cell_residuals(counts, rows, columns)) is not None:
        values += own.mode
    return _table(fit, values, rows, columns)


def cell_clr_sd(
    fit: AnyFit,
    genes: Iterable[str],
    *,
    cells: np.ndarray | None = None,
    counts: Matrix | None = None,
) -> pd.DataFrame:
    """Posterior standard deviation of `cell_clr`, cells x genes, nats, float32.

    Without counts, of the factors' part: ``sqrt(sum_j w_gj^2 s_cj^2)``, s the posterior standard
    deviations of z. With counts, of the whole coordinate:
    ``Var = (1 + t)^-2 sum_j w_gj^2 s_cj^2 + d_g / (1 + t) (1 - 2/G) + sum(d)/G^2``. ``(1 + t)^-2``
    is there because a residual that the counts determine responds to a change of the factors' part
    by -t / (1 + t) of it.

    Notes
    -----
    Ignored: posterior correlations between factors (a fit has only standard deviations), the
    uncertainty of the cell's intensity, and that of mu, W and d. ``sum(d)/G^2``, the prior's share
    for the mean residual, is slightly too large.

    Parameters
    ----------
    genes, cells, counts
        As in `cell_clr`.

    Raises
    ------
    DataError
        As in `cell_clr`.
    """
    columns, rows = gene_positions(fit, genes), cell_positions(fit, cells)
    squares = (fit.gene_loadings()[columns] ** 2).astype(np.float32)
    variance = np.asarray(fit.cell_weights_sd())[rows] ** 2 @ squares.T
    if counts is not None and (own := fit.cell_residuals(counts, rows, columns)) is not None:
        variance = variance * own.shrinkage**2 + own.variance
    return _table(fit, np.sqrt(variance), rows, columns)


def _table(fit: AnyFit, values: np.ndarray, rows: np.ndarray, genes: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        np.asarray(values, np.float32), index=fit.cells[rows], columns=fit.genes[genes]
    )
