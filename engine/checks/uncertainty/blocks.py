"""From information to covariances: of each gene's parameters, and of what genes share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.checks.uncertainty.information import Information
from engine.models.packing import pair_weights, unpack
from engine.results import Fit

# The mean of a gene has a flat prior; a gene that no cell informs keeps a curvature above zero.
_RIDGE = 1e-3


class GeneBlocks(NamedTuple):
    """Posterior covariances of the parameters that correlations depend on.

    Attributes
    ----------
    loadings
        (G, k, k) of each gene's loadings, m integrated out, other genes fixed.
    log_noise
        (G,) variances of log d; 0 where there is none.
    common
        (p, p) covariance of the packed A of ``W (I + A)``.
    """

    loadings: np.ndarray
    log_noise: np.ndarray
    common: np.ndarray


def gene_blocks(fit: Fit, found: Information) -> GeneBlocks:
    """Invert the information, the priors of the fit added to that of each gene."""
    precision = np.linalg.inv(np.array(fit.prior["loadings_covariance"], float))
    blocks = np.array(unpack(found.genes))
    blocks[:, :-1, :-1] += precision
    blocks[:, -1, -1] += _RIDGE
    log_noise = 1 / (found.noise + float(fit.prior["noise_scale"]) ** -2)
    return GeneBlocks(
        np.linalg.inv(blocks)[:, :-1, :-1],
        np.where(fit.noise > 0, log_noise, 0.0),
        _common(found, fit.n_factors),
    )


def _common(found: Information, size: int) -> np.ndarray:
    """Sandwich ``H^-1 F H^-1`` of the symmetric A that all genes share.

    F is the spread of the cells' own scores: scores need not be normal, only the cells
    independent of each other.
    """
    cells = float(found.cells)
    rows, columns = np.triu_indices(size)
    # Coordinates of a symmetric matrix: its packed entries, off-diagonal ones twice in a trace.
    twice = pair_weights(size)
    outer = np.outer(found.moments, found.moments) / cells
    meat = (found.squares - outer) * np.outer(twice, twice)
    missing = found.spread[rows, columns][:, rows, columns] * np.outer(twice, twice)
    bread = 2 * cells * np.diag(twice) - missing
    inverse = np.linalg.inv(bread)
    return np.asarray(inverse @ meat @ inverse)
