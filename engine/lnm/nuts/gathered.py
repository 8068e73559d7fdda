"""Summaries of the draws: moments of the latents, and the quantities of the diagnostics.

W is identified up to a rotation only. Each draw of W is rotated to that of the Laplace fit
(orthogonal Procrustes: Schoenemann 1966), and its scores likewise, before anything is averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from engine.lnm.nuts.chains import Draw

# Genes with monitored covariances, and cells with monitored eta.
_GENES, _CELLS = 30, 200
# Draws that a fit keeps: at most so many, with at most so many numbers in all.
_MOST_DRAWS, _MOST_NUMBERS = 200, 2_000_000


class Moments(NamedTuple):
    """Sums over the draws of all chains; those of eta are empty without capture, those of effects
    (CLR) without covariates.
    """

    mean: np.ndarray
    loadings: np.ndarray
    log_noise: np.ndarray
    scores: np.ndarray
    scores_2: np.ndarray
    eta: np.ndarray
    eta_2: np.ndarray
    efficiency: np.ndarray
    efficiency_2: np.ndarray
    effects: np.ndarray
    effects_2: np.ndarray


class StoredDraw(NamedTuple):
    """A draw of the parameters of one chain, loadings rotated, float32."""

    mean: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True)
class Gathered:
    """The draws so far. `add` returns a new object, so that one in a snapshot does not change.

    Attributes
    ----------
    reference
        (G, k) CLR loadings that every draw is rotated to.
    has_noise
        (G,) mask of the genes whose d is learned.
    genes, cells
        Positions of the monitored genes and cells.
    every
        One in so many iterations is stored whole.
    count
        Iterations of each chain.
    followed
        Monitored quantities of every iteration, by group: (chains, quantities).
    stored
        Draws stored whole.
    """

    reference: np.ndarray
    has_noise: np.ndarray
    genes: np.ndarray
    cells: np.ndarray
    every: int
    count: int = 0
    divergences: int = 0
    longest: int = 0
    moments: Moments | None = None
    followed: tuple[dict[str, np.ndarray], ...] = field(default=(), repr=False)
    stored: tuple[StoredDraw, ...] = field(default=(), repr=False)

    @classmethod
    def begin(
        cls,
        reference: np.ndarray,
        has_noise: np.ndarray,
        is_gene: np.ndarray,
        *,
        n_cells: int,
        n_draws: int,
        n_chains: int,
    ) -> Gathered:
        """No draws yet."""
        size = np.where(is_gene, (reference**2).sum(1), -1.0)
        genes = np.sort(np.argsort(-size)[: min(_GENES, int(is_gene.sum()))])
        cells = np.unique(np.linspace(0, n_cells - 1, min(_CELLS, n_cells)).astype(int))
        most = min(_MOST_DRAWS, _MOST_NUMBERS // (reference.size + 2 * len(reference)))
        every = math.ceil(n_draws * n_chains / most) if most else n_draws + 1
        return cls(reference, has_noise, genes, cells, every)

    def add(self, draw: Draw) -> Gathered:
        """A copy with one more draw of every chain."""
        mean, loadings, log_noise = draw.params
        left, _, right = np.linalg.svd(np.swapaxes(loadings, 1, 2) @ self.reference)
        rotation = left @ right
        turned, scores = loadings @ rotation, draw.position["scores"] @ rotation
        eta = np.exp(draw.position.get("log_eta", np.zeros((len(mean), 0))))
        efficiency = np.where(eta, np.exp(-eta), 0.0)
        effects = draw.position.get("effects", np.zeros((*mean.shape, 0)))
        effects = effects - effects.mean(1, keepdims=True)
        sums = Moments(
            mean.sum(0),
            turned.sum(0),
            log_noise.sum(0),
            scores.sum(0),
            np.einsum("nci,ncj->cij", scores, scores),
            eta.sum(0),
            (eta**2).sum(0),
            efficiency.sum(0),
            (efficiency**2).sum(0),
            effects.sum(0),
            (effects**2).sum(0),
        )
        noise = np.where(self.has_noise, np.exp(log_noise), 0.0)
        stored = self.stored
        if (self.count + 1) % self.every == 0:
            arrays = (mean, turned, noise)
            stored += tuple(
                StoredDraw(*(array[n].astype(np.float32) for array in arrays))
                for n in range(len(mean))
            )
        return replace(
            self,
            count=self.count + 1,
            divergences=self.divergences + int(draw.diverging.sum()),
            longest=self.longest + int(draw.longest.sum()),
            moments=sums if self.moments is None else Moments(*map(np.add, self.moments, sums)),
            followed=(*self.followed, self._follow(draw, turned, noise, eta, effects)),
            stored=stored,
        )

    def _follow(
        self,
        draw: Draw,
        loadings: np.ndarray,
        noise: np.ndarray,
        eta: np.ndarray,
        effects: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """Quantities that no rotation changes."""
        own, count = loadings[:, self.genes], noise.shape[1]
        covariance = own @ np.swapaxes(own, 1, 2)
        of = noise[:, self.genes]
        covariance -= (of[:, :, None] + of[:, None, :]) / count
        covariance += noise.sum(1)[:, None, None] / count**2
        diagonal = np.arange(len(self.genes))
        covariance[:, diagonal, diagonal] += of
        rows, columns = np.triu_indices(len(self.genes))
        quantities = {
            "log density": draw.log_density[:, None],
            "mean": draw.params.mean,
            "CLR covariance": covariance[:, rows, columns],
        }
        if self.has_noise.any():
            quantities["log d"] = draw.params.log_noise[:, self.has_noise]
        if eta.size:
            quantities["eta"] = eta[:, self.cells]
        if effects.size:
            quantities["effects"] = effects[:, self.genes].reshape(len(effects), -1)
        return quantities
