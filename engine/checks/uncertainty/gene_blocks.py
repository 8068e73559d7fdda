"""Information -> covariances of each gene's parameters, and of the scale that genes share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from engine.checks.uncertainty.information import Information
from engine.lnm.packing import pair_weights, unpack
from engine.results import Fit

# Gene means have a flat prior; this keeps the curvature above zero if no cell informs a gene.
_RIDGE = 1e-3
# Loadings are resolved along a direction if at most this share of their prior variance is left.
_LARGEST_PART = 0.5
# Largest standard error of an A of unit length that is used.
_LARGEST_ERROR = 0.25


class GeneBlocks(NamedTuple):
    """Posterior covariances of the parameters that correlations depend on.

    Attributes
    ----------
    loadings
        (G, k, k) of each gene's loadings, m integrated out, other genes fixed.
    log_noise
        (G,) variances of log d; 0 where there is none.
    common
        (p, p) covariance of the packed A of ``W (I + A)``; 0 where A is not resolved.
    """

    loadings: np.ndarray
    log_noise: np.ndarray
    common: np.ndarray


def gene_blocks(fit: Fit, result: Information) -> GeneBlocks:
    """Invert the information, the priors of the fit added to that of each gene."""
    shape = fit.n_factors, fit.n_factors
    prior = np.array(fit.prior["loadings_covariance"], float).reshape(shape)
    blocks = np.array(unpack(result.genes))
    blocks[:, :-1, :-1] += np.linalg.inv(prior)
    blocks[:, -1, -1] += _RIDGE
    loadings = np.linalg.inv(blocks)[:, :-1, :-1]
    log_noise = 1 / (result.noise + float(fit.prior["noise_scale"]) ** -2)
    return GeneBlocks(
        loadings,
        np.where(fit.noise > 0, log_noise, 0.0),
        _common(result, _resolved_directions(loadings, prior)),
    )


def _resolved_directions(covariances: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """(k, q) orthonormal basis of the directions along which loadings exceed their error.

    The prior covariance is the mean of the loadings' squares plus that of their variances. A
    direction is not resolved if variances are the larger part.
    """
    if not len(prior):
        return prior
    left, directions = linalg.eigh(covariances.mean(0), prior)
    return np.asarray(np.linalg.qr(directions[:, left <= _LARGEST_PART])[0])


def _common(result: Information, directions: np.ndarray) -> np.ndarray:
    """Sandwich ``H^-1 F H^-1`` of the symmetric A that all genes share, along ``directions``.

    F is the spread of the cells' own scores: cells must be independent, but scores need not be
    normal. A is held at zero along other directions, and where its error is so large that
    ``W (I + A)`` is no small change and the linearisation fails.
    """
    if not directions.size:
        return np.zeros_like(result.squares)
    cells = float(result.cells)
    rows, columns = np.triu_indices(len(directions))
    # Coordinates of a symmetric matrix: its packed entries, off-diagonal ones twice in a trace.
    twice = pair_weights(len(directions))
    outer = np.outer(result.moments, result.moments) / cells
    meat = (result.squares - outer) * np.outer(twice, twice)
    missing = result.spread[rows, columns][:, rows, columns] * np.outer(twice, twice)
    bread = 2 * cells * np.diag(twice) - missing
    # To A = directions M directions', M of unit length along each of its own coordinates.
    within = bilinear(directions[rows], directions[columns]) / np.sqrt(
        pair_weights(directions.shape[1])
    )
    values, vectors = np.linalg.eigh(within.T @ bread @ within)
    retained = values > _LARGEST_ERROR**-2
    inverse = (vectors[:, retained] / values[retained]) @ vectors[:, retained].T
    return np.asarray(within @ inverse @ (within.T @ meat @ within) @ inverse @ within.T)


def bilinear(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(..., p) features f with ``left' A right = f . pack(A)`` for symmetric A."""
    rows, columns = np.triu_indices(left.shape[-1])
    products = left[..., rows] * right[..., columns] + left[..., columns] * right[..., rows]
    return np.asarray(np.where(rows == columns, 0.5 * products, products))
