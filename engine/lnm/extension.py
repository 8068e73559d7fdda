"""extended: a fit with more factors, along the main directions of its residuals, as a start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import special

from engine.data import Counts
from engine.fitting.status import Status
from engine.lnm.covariates import mean_of
from engine.lnm.fit import Fit

# Passes that its status claims: the priors of the earlier factors are learned.
SETTLED = 4
# Upper bounds of residuals, in standard deviations, and of residual variances.
_MOST, _MOST_NOISE = 5.0, 3.0
# A linear start overestimates scores and loadings beyond these.
_MOST_SCORE, _MOST_LOADING = 3.0, 2.0
_POWERS = 4
_ELEMENTS = 2**22
# EM steps for the prior variance of a factor's loadings, and its lower bound.
_STEPS, _LEAST = 50, 1e-3


def extended(fit: Fit, counts: Counts, size: int, seed: int) -> Fit:
    """The fit with ``size`` factors: its own, and the leading directions of the residuals.

    Residuals are ``r = (u - m) / sqrt(m + m^2 (exp(d) - 1))`` with m the counts expected at the
    modes of the scores, and of a Poisson log-normal of variance d. Scores of the new factors are
    the left singular vectors of r, with variance 1. Loadings are one scoring step on them,
    ``w_gj = sum_c r_cg z_cj m / sqrt(v) / n_g`` with n_g the information on the log intensity of
    gene g, shrunk by a prior N(0, s_j^2) that is learned from all genes.

    Parameters
    ----------
    counts
        The cells of the fit.
    size
        More than the fit has.
    seed
        Seed of the singular value decomposition.
    """
    # The import takes a second.
    from sklearn.utils.extmath import randomized_svd

    extra = size - fit.n_factors
    residuals = np.concatenate([pearson for pearson, _ in _residuals(fit, counts)])
    vectors, _, _ = randomized_svd(residuals, extra, n_iter=_POWERS, random_state=seed)
    scores = np.clip(vectors * np.sqrt(len(residuals)), -_MOST_SCORE, _MOST_SCORE)
    slope, information = np.zeros((len(fit.genes), extra)), np.zeros(len(fit.genes))
    start = 0
    for pearson, weight in _residuals(fit, counts):
        own = slice(start, start + len(pearson))
        slope += (pearson * weight).T @ scores[own]
        information += (weight**2).sum(0)
        start = own.stop
    error = 1 / np.maximum(information, 1e-9)
    loadings = slope * error[:, None]
    variance = np.array([_variance(column, error) for column in loadings.T])
    loadings *= variance / (variance + error[:, None])
    loadings = np.clip(loadings, -_MOST_LOADING, _MOST_LOADING)
    return replace(
        fit,
        config=fit.config.sized(size),
        loadings=np.hstack([fit.loadings, loadings]),
        scores=np.hstack([fit.scores, scores]).astype(np.float32),
        scores_sd=np.hstack([fit.scores_sd, np.ones_like(scores)]).astype(np.float32),
        prior=fit.prior | {"loadings_covariance": _covariance(fit, variance)},
        status=Status("running", "", SETTLED, 0.0, 0.0, 0),
        trace=fit.trace.iloc[:0],
        names=(),
    )


def _residuals(fit: Fit, counts: Counts) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pearson residuals (B, G) of blocks of cells, and ``m / sqrt(v)``."""
    spread = np.expm1(np.minimum(fit.noise, _MOST_NOISE))
    rows = max(_ELEMENTS // counts.n_genes, 1)
    for start in range(0, counts.n_cells, rows):
        own = slice(start, min(start + rows, counts.n_cells))
        mean = mean_of(fit, counts.obs.iloc[own]) + fit.noise / 2
        shares = special.softmax(mean + fit.scores[own] @ fit.loadings.T, axis=1)
        expected = np.maximum(shares * counts.totals[own, None], 1e-9)
        deviation = np.sqrt(expected + expected**2 * spread)
        away = (counts.block(own.start, own.stop) - expected) / deviation
        yield np.clip(away, -_MOST, _MOST).astype(np.float32), expected / deviation


def _variance(loadings: np.ndarray, error: np.ndarray) -> float:
    """Prior variance of estimates (G,) with their squared errors (G,), by EM."""
    variance = 0.1
    for _ in range(_STEPS):
        reliability = variance / (variance + error)
        variance = float(np.mean((reliability * loadings) ** 2 + variance * (1 - reliability)))
    return max(variance, _LEAST)


def _covariance(fit: Fit, variance: np.ndarray) -> list[list[float]]:
    """Prior covariance of all loadings, the new ones independent; or as the user set it."""
    known, size = fit.n_factors, fit.n_factors + len(variance)
    if fit.config.loadings_scale is not None:
        variance = np.full(len(variance), fit.config.loadings_scale**2)
    covariance = np.diag(np.concatenate([np.zeros(known), variance]))
    before = np.asarray(fit.prior["loadings_covariance"], dtype=float)
    covariance[:known, :known] = before.reshape(known, known)
    return np.asarray(covariance).reshape(size, size).tolist()
