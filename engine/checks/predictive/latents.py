"""Where the proportions of replicated cells come from: one class for each model and mode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Array

from engine.checks.posteriors import posteriors
from engine.checks.predictive.residuals import draw_intensities, normals
from engine.checks.predictive.settings import Mode
from engine.lnm import equations
from engine.lnm.residual import Integral
from engine.results import Fit, TopicFit


@runtime_checkable
class Latents(Protocol):
    """The latents of a block of cells."""

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """(n_draws, G) float32 draws of what the proportions of a cell are proportional to."""
        ...


@dataclass(frozen=True)
class Fixed:
    """Proportions that do not vary: those at each cell's mode."""

    values: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """The same row for all draws."""
        return np.broadcast_to(self.values[row], (n_draws, self.values.shape[1]))


@dataclass(frozen=True)
class NewCells:
    """LNM: ``z ~ N(0, I)`` and residuals from their prior."""

    mean: np.ndarray
    loadings: np.ndarray
    spread: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Of cells unlike any other, whatever the row."""
        width = self.loadings.shape[1]
        scores = rng.standard_normal((n_draws, width), dtype=np.float32)
        logits = normals((n_draws, len(self.mean)), rng)
        logits *= self.spread
        logits += scores @ self.loadings.T
        logits += self.mean
        logits -= logits.max(1, keepdims=True)
        return np.exp(logits, out=logits)


@dataclass(frozen=True)
class CellPosteriors:
    """LNM: ``(z, lambda)`` from the Gaussian at its mode, residuals given those from their own.

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
        """Of one cell, given its counts."""
        root = self.root[row]
        move = rng.standard_normal((n_draws, len(root)), dtype=np.float32) @ root.T
        change = move[:, :-1] @ self.loadings.T
        change += move[:, -1:]
        own = self.x[row], change, self.counts[row], self.noise, self.mode[row], self.t[row]
        return draw_intensities(*own, rng)


@dataclass(frozen=True)
class CellTopics:
    """LDA: each cell's proportions of the topics from its logistic-normal."""

    topics: np.ndarray
    location: np.ndarray
    scale: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Of one cell, given its counts."""
        shape = (n_draws, len(self.topics))
        logits = self.location[row] + self.scale[row] * rng.standard_normal(shape, dtype=np.float32)
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        return shares @ self.topics


@dataclass(frozen=True)
class NewTopicCells:
    """LDA: proportions of the topics from their Dirichlet prior."""

    topics: np.ndarray
    alpha: np.ndarray

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """Of cells unlike any other, whatever the row."""
        return rng.dirichlet(self.alpha, n_draws).astype(np.float32) @ self.topics


def new_cells(fit: Fit | TopicFit) -> Latents:
    """Latents from the fitted prior."""
    if isinstance(fit, TopicFit):
        return NewTopicCells(fit.topics.T.astype(np.float32), fit.config.alpha)
    spread = np.sqrt(fit.noise).astype(np.float32)
    return NewCells(fit.mean_clr.astype(np.float32), fit.loadings.astype(np.float32), spread)


def given_counts(
    params: equations.Params, counts: Array, integral: Integral, mode: Mode
) -> tuple[Latents, np.ndarray]:
    """Latents of a block of cells given their counts, each with at least one.

    Returns
    -------
    The latents, and a mask of the cells whose posterior was not found: they stay where the
    search for it ended.
    """
    found = posteriors(params, counts, integral)
    if mode == "map":
        return Fixed(np.exp(found.x + found.residual)), found.lost
    loadings, noise = np.asarray(params.loadings), np.exp(np.asarray(params.log_noise))
    own = found.x, found.root, np.asarray(counts), found.residual, found.t
    return CellPosteriors(loadings, noise, *own), found.lost
