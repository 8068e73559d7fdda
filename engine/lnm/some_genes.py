"""The model of the counts of some genes only, which has the same form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from engine.fitting.blocks import on_device
from engine.fitting.predictive import standardised
from engine.lnm import equations
from engine.lnm.covariates import mean_of
from engine.lnm.fit import Fit
from engine.lnm.outer_steps import integral_for
from engine.lnm.posteriors import Posteriors, posteriors
from engine.lnm.residual import LOG_NO_NOISE, Integral

# Cells to place at a time, and the largest logarithm of a drawn intensity.
AT_ONCE, _LARGEST_LOG = 512, 16.0


class Model(NamedTuple):
    """A model of some genes, and the number of cells to place at a time.

    With covariates the mean of the parameters is (C, G), a row for each cell.
    """

    params: equations.Params
    integral: Integral
    at_once: int


def model_of(fit: Fit, genes: np.ndarray, at_once: int, obs: pd.DataFrame) -> Model:
    """The model of some genes (positions) in cells with these labels."""
    noise = fit.noise[genes]
    params = params_of(mean_of(fit, obs)[..., genes], fit.loadings[genes], noise)
    return Model(params, integral_for(fit), at_once)


def params_of(mean: np.ndarray, loadings: np.ndarray, noise: np.ndarray) -> equations.Params:
    """Parameters in single precision."""
    log_noise = np.log(np.maximum(noise, np.exp(LOG_NO_NOISE)))
    return equations.Params(*map(on_device, (mean, loadings, log_noise)))


def scores_of(model: Model, counts: np.ndarray) -> tuple[np.ndarray, list[Posteriors]]:
    """(C, G) standardised scores, and the posteriors block by block."""
    parts, blocks = [], []
    for start in range(0, len(counts), model.at_once):
        own = counts[start : start + model.at_once]
        # All blocks of one shape: one compilation.
        block = np.resize(own, (model.at_once, own.shape[1]))
        params = model.params
        if params.mean.ndim > 1:
            mean = np.resize(params.mean[start : start + len(own)], block.shape)
            params = params._replace(mean=on_device(mean))
        posterior = posteriors(params, on_device(block), model.integral)
        score = block - np.exp(posterior.x + posterior.residual)
        score[posterior.lost] = 0
        parts.append(score[: len(own)])
        blocks.append(posterior)
    return standardised(np.concatenate(parts)), blocks


def draw_counts(
    model: Model, n_cells: int, blocks: list[Posteriors], rng: np.random.Generator
) -> np.ndarray:
    """(C, G) counts from the posterior of each cell's factors and intensity.

    They are Poisson: totals need not match, since intensities are free.
    """
    loadings = np.asarray(model.params.loadings)
    sd = np.exp(0.5 * np.asarray(model.params.log_noise))
    parts = []
    for block in blocks:
        moved = np.einsum(
            "cij,cj->ci", block.root, rng.standard_normal(block.centre.shape, np.float32)
        )
        x = block.x + moved[:, :-1] @ loadings.T + moved[:, -1:]
        x += sd * rng.standard_normal(x.shape, np.float32)
        # A cell without a mode has no posterior to draw from.
        x[block.lost | ~np.isfinite(x).all(1)] = -np.inf
        parts.append(rng.poisson(np.exp(np.minimum(x, _LARGEST_LOG))))
    drawn = np.concatenate(parts)[:n_cells].astype(np.float32)
    # A cell without counts has no mode; it gets one count.
    drawn[drawn.sum(1) == 0, 0] = 1
    return drawn


class GeneResiduals:
    """Standardised scores of some genes, see `engine.checks.missed_pairs`."""

    def __init__(
        self, fit: Fit, observed: np.ndarray, genes: np.ndarray, obs: pd.DataFrame
    ) -> None:
        able = observed[:, genes].sum(1) > 0
        own = observed[np.ix_(able, genes)]
        self._model: Model = model_of(fit, genes, min(AT_ONCE, len(own)), obs[able])
        self.observed, self._posteriors = scores_of(self._model, own)

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """Residuals of counts drawn from the fit."""
        counts = draw_counts(self._model, len(self.observed), self._posteriors, rng)
        return scores_of(self._model, counts)[0]
