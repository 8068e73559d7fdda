"""Latents of replicated cells of a log-ratio model: one class for each mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Array

from engine.data import Counts
from engine.fitting.blocks import Blocks, with_one_more
from engine.fitting.predictive import Block, Latents, Mode
from engine.lnm import equations
from engine.lnm.covariates import covariates_of, mean_of
from engine.lnm.drawn_residuals import draw_intensities, normals
from engine.lnm.fit import Fit
from engine.lnm.outer_steps import integral_for
from engine.lnm.posteriors import parameters, parameters_of, posteriors
from engine.lnm.residual import Integral


@dataclass(frozen=True)
class Fixed:
    """Fixed proportions: those at each cell's mode."""

    values: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """The same row for all draws."""
        return np.broadcast_to(self.values[row], (n_draws, self.values.shape[1]))


@dataclass(frozen=True)
class NewCells:
    """LNM: ``z ~ N(0, I)``, residuals from their prior; the mean may be each cell's own (B, G)."""

    mean: np.ndarray
    loadings: np.ndarray
    spread: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draws for new cells with the covariates of the row."""
        width = self.loadings.shape[1]
        scores = rng.standard_normal((n_draws, width), dtype=np.float32)
        logits = normals((n_draws, len(self.spread)), rng)
        logits *= self.spread
        logits += scores @ self.loadings.T
        logits += self.mean[row] if self.mean.ndim > 1 else self.mean
        logits -= logits.max(1, keepdims=True)
        return np.exp(logits, out=logits)


@dataclass(frozen=True)
class CellPosteriors:
    """LNM: ``(z, lambda)`` from the Gaussian at its mode, residuals from their posterior given it.

    Attributes
    ----------
    x
        (B, G) log intensities without residuals at the mode.
    root
        (B, k + 1, k + 1) Cholesky factors of the posterior covariances of (z, lambda).
    counts, mode, t
        (B, G) each; see `draw_intensities`.
    """

    loadings: np.ndarray
    noise: np.ndarray
    x: np.ndarray
    root: np.ndarray
    counts: np.ndarray
    mode: np.ndarray
    t: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draws for one cell, given its counts."""
        root = self.root[row]
        move = rng.standard_normal((n_draws, len(root)), dtype=np.float32) @ root.T
        change = move[:, :-1] @ self.loadings.T
        change += move[:, -1:]
        own = self.x[row], change, self.counts[row], self.noise, self.mode[row], self.t[row]
        return draw_intensities(*own, rng)


def new_cells(fit: Fit, obs: pd.DataFrame) -> Latents:
    """Latents from the fitted prior, of cells with these labels."""
    spread = np.sqrt(fit.noise).astype(np.float32)
    mean = mean_of(fit, obs).astype(np.float32)
    return NewCells(mean, fit.loadings.astype(np.float32), spread)


def replicated(fit: Fit, counts: Counts, mode: Mode) -> Iterator[Block]:
    """Latents of cells given their counts, block by block."""
    params, integral = parameters(fit), integral_for(fit)
    covariates = covariates_of(fit.design, counts.obs)
    for block in Blocks(counts, keep=False):
        # Padding and cells without counts have no mode; they get one count.
        held = np.asarray(block.counts)
        dense = with_one_more(block.counts, ~held.any(1))
        own = parameters_of(params, fit, block, covariates)
        given, lost = _given_counts(own, dense, integral, mode)
        size = block.own.stop - block.own.start
        yield Block(block.own.start, held[:size], given, lost[:size])


def _given_counts(
    params: equations.Params, counts: Array, integral: Integral, mode: Mode
) -> tuple[Latents, np.ndarray]:
    """Latents of a block of cells given their counts, each with at least one.

    Returns
    -------
    The latents, and a mask of the cells whose posterior mode was not reached; the search ended
    elsewhere.
    """
    cells = posteriors(params, counts, integral)
    if mode == "map":
        return Fixed(np.exp(cells.x + cells.residual)), cells.lost
    loadings, noise = np.asarray(params.loadings), np.exp(np.asarray(params.log_noise))
    own = cells.x, cells.root, np.asarray(counts), cells.residual, cells.t
    return CellPosteriors(loadings, noise, *own), cells.lost
