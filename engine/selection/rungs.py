"""A number of factors or topics that is tried: its fit, its score, and structure beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.checks.beyond_factors import residual_structure_iter
from engine.checks.completion import CellScores, ratio_error
from engine.checks.missed import missed_pairs_iter
from engine.data import Counts
from engine.errors import DataError
from engine.results import AnyFit, Tried


@dataclass(eq=False)
class Rung:
    """A number on the ladder of those tried.

    Attributes
    ----------
    scores
        Of the held-out cells.
    structure
        Whether genes vary together beyond these factors; None until that is tested.
    pairs
        Whether single pairs of genes are correlated beyond them.
    """

    fit: AnyFit
    scores: CellScores
    seconds: float
    structure: bool | None = None
    pairs: bool = False

    @property
    def size(self) -> int:
        """The number."""
        return self.fit.n_factors

    @property
    def score(self) -> float:
        """Log-likelihood per count of the held-out halves, nats."""
        return float(self.scores.log_likelihood.sum() / self.scores.n_counts.sum())

    def behind(self, best: Rung) -> tuple[float, float]:
        """How much worse than the best, nats per count, and its standard error."""
        lost = best.scores.log_likelihood - self.scores.log_likelihood
        n = self.scores.n_counts
        return float(lost.sum() / n.sum()), ratio_error(lost, n)

    def tried(self, best: Rung) -> Tried:
        """The entry that is saved with the fit."""
        behind, error = self.behind(best)
        perplexity = float(np.exp(-self.score))
        return Tried(self.size, perplexity, behind, error, self.structure, self.seconds)

    def look(self, counts: Counts, seed: int) -> Iterator[None]:
        """Test for structure beyond the factors; `structure` stays None for topics."""
        if not self.fit.can("structure"):
            return
        try:
            for step in residual_structure_iter(self.fit, counts, seed=seed, brief=True):
                yield
                if step.structure is not None:
                    self.structure = step.structure.significant
                    self.pairs = bool(step.structure.pairs)
            if self.size or self.structure:
                return
            # Zero factors also need a test of pairs: a single one does not show among many genes.
            for other in missed_pairs_iter(self.fit, counts, seed=seed):
                yield
                if other.missed is not None:
                    self.structure = other.missed.n_missed > 0
        except DataError:
            # Too few cells or genes to tell.
            return
