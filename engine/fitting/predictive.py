"""Protocols of replicated cells and residuals, whatever the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np

Mode = Literal["laplace", "map", "population"]


@runtime_checkable
class Latents(Protocol):
    """The latents of a block of cells."""

    def weights(self, row: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """(n_draws, G) float32 draws of the proportions of a cell, up to a factor."""
        ...


class DrawnTotals(Protocol):
    """Total counts of cells."""

    def draw(self, cell: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
        """(n_draws,) totals of a cell, given by position."""
        ...


class Block(NamedTuple):
    """A block of cells with their counts and latents.

    Attributes
    ----------
    start
        Position of the first cell.
    counts
        (B, G) counts of the cells.
    latents
        Latents of the cells.
    lost
        (B,) mask of cells whose posterior mode was not reached; the search ended elsewhere.
    """

    start: int
    counts: np.ndarray
    latents: Latents
    lost: np.ndarray


class Residuals(Protocol):
    """Standardised residuals (C, G) of counts, and of counts drawn from a fit."""

    observed: np.ndarray

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """Residuals of a data set drawn from the fit."""
        ...


# No cell counts for more than this many standard deviations.
_CUT = 5.0


def standardised(scores: np.ndarray) -> np.ndarray:
    """Standardise each gene to mean 0 and variance 1 over cells, and clip outliers."""
    scores = scores.astype(np.float32)
    scores -= scores.mean(0)
    spread = scores.std(0)
    scores /= np.where(spread > 0, spread, np.inf)
    return np.clip(scores, -_CUT, _CUT)


class PearsonResiduals[P]:
    """Residuals of some genes (positions) from counts (C, G); each data set is placed anew.

    Parameters
    ----------
    place
        Returns the latents P of the cells of counts (C, G).
    chances
        Returns (C, G) probabilities of the features, at the latents themselves or, given a
        generator, at latents drawn around them; rows sum to one.
    """

    def __init__(
        self,
        observed: np.ndarray,
        genes: np.ndarray,
        place: Callable[[np.ndarray], P],
        chances: Callable[[P, np.random.Generator | None], np.ndarray],
    ) -> None:
        self._genes, self._place, self._chances = genes, place, chances
        self._totals = observed.sum(1)
        self._placed = place(observed)
        self.observed = self._of(observed, self._placed)

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """Residuals of counts drawn from the fit."""
        chances = self._chances(self._placed, rng)
        counts = rng.multinomial(self._totals.astype(int), chances).astype(np.float32)
        return self._of(counts, self._place(counts))

    def _of(self, counts: np.ndarray, placed: P) -> np.ndarray:
        chances = self._chances(placed, None)[:, self._genes]
        expected = np.maximum(self._totals[:, None] * chances, 1e-12)
        return standardised((counts[:, self._genes] - expected) / np.sqrt(expected))
