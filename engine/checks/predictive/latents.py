"""Where the proportions of replicated cells come from: one class for each model and mode."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.checks.predictive.residuals import draw_intensities, normals
from engine.checks.predictive.settings import Mode
from engine.models import lnm
from engine.models.poisson_lognormal import LOG_NO_NOISE, Integral
from engine.results import Fit, TopicFit

# Newton decrements, posterior standard deviations: sought, and failed above.
_TOLERANCE = 1e-3
_FAILED = 1e-2
_MOST_STEPS = 40


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


def parameters(fit: Fit) -> lnm.Params:
    """The model's parameters in single precision."""
    log_noise = np.log(np.maximum(fit.noise, np.exp(LOG_NO_NOISE)))
    arrays = (fit.mean_clr, fit.loadings, log_noise)
    return lnm.Params(*(jnp.asarray(array, jnp.float32) for array in arrays))


def given_counts(
    params: lnm.Params, counts: Array, integral: Integral, mode: Mode
) -> tuple[Latents, np.ndarray]:
    """Latents of a block of cells given their counts, each with at least one.

    Returns
    -------
    The latents, and a mask of the cells whose mode or curvature there was not found: they
    stay at where the search for it ended.
    """
    found = [np.array(array) for array in _posteriors(params, counts, integral)]
    x, root, mode_of, t, decrement = found
    flat = ~np.isfinite(root).all((1, 2))
    root[flat] = 0
    lost = flat | ~(decrement < _FAILED)
    if mode == "map":
        return Fixed(np.exp(x + mode_of)), lost
    loadings, noise = np.asarray(params.loadings), np.exp(np.asarray(params.log_noise))
    return CellPosteriors(loadings, noise, x, root, np.asarray(counts), mode_of, t), lost


@partial(jax.jit, static_argnames="integral")
def _posteriors(
    params: lnm.Params, counts: Float[Array, "B G"], integral: Integral
) -> tuple[Array, ...]:
    start = lnm.cold_start(params, counts.sum(1))
    latents, decrement = lnm.find_mode(
        params, counts, start, integral, tolerance=_TOLERANCE, max_steps=_MOST_STEPS
    )
    posterior = lnm.posterior_at_mode(params, counts, latents, integral)
    mode = posterior.mode
    root = jnp.linalg.cholesky(posterior.covariance)
    return mode.log_rate - mode.residual, root, mode.residual, mode.t, decrement
