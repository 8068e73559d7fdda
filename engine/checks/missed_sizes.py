"""missed_sizes: how large the correlations are that the factors of a fit leave out, by gene.

The mean square of the missed correlation of two genes is taken as the product of their sizes, of
rank one: genes of a module that is missed have large sizes, all others none. Each gene's size is a
random-effects mean over pairs (DerSimonian & Laird 1986): the weight of a pair depends on the error
of its square and on the variance of squares between pairs, if correlations are normal. Sizes of
genes are then shrunk to their mean, as far as they differ no more than by their errors.

Centring (CLR) spreads what some genes miss to all others: from their correlations as far as these
are known, each gene has a shift as well. And since rank one is an approximation, a part of the mean
square is added to all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Least squared attenuation; iterations; and the size from which a gene starts at least, since
# from none it would never grow.
_LEAST_SHOWN, _ROUNDS, _LEAST = 1e-6, 60, 1e-4
# Of the mean size, less than so many standard deviations from those in draws counts as nothing.
_NOISE = 3.0
# The part of the mean square that is alike for all pairs. Without it, intervals of pairs of small
# size held 0.75 to 0.87 with one factor for two; with it 0.85 to 0.92.
_ALIKE = 0.1
_TINY = np.finfo(float).tiny


class MissedSizes(NamedTuple):
    """What factors leave out of the correlations of G genes; see `of_pairs`.

    Attributes
    ----------
    sizes
        (G,) between 0 and 1: the mean square of a pair's correlation is the product of its genes'.
    shifts
        (G,) by centring: the covariance of a pair is off by the sum of its genes'.
    mean
        Root mean square over all pairs.
    """

    sizes: np.ndarray
    shifts: np.ndarray
    mean: float

    def of_pairs(self, sd: np.ndarray) -> np.ndarray:
        """(G, G) root mean squares, given the genes' standard deviations (G,)."""
        scale = np.maximum(np.outer(sd, sd), _TINY)
        centred = (self.shifts[:, None] + self.shifts) / scale
        square = np.outer(self.sizes, self.sizes) + centred**2 + _ALIKE * self.mean**2
        # In a fit without residual variance, genes vary far more than it allows.
        return np.asarray(np.minimum(np.sqrt(square), 1.0))


def missed_sizes(
    away: np.ndarray,
    chance: np.ndarray,
    attenuation: np.ndarray,
    sd: np.ndarray,
    *,
    significant: bool,
) -> MissedSizes:
    """Sizes of G genes, none if draws from the fit have as large ones.

    Parameters
    ----------
    away
        (G, G) correlations of scores, less the mean of those of draws.
    chance
        (n, G, G) squares of the same in draws.
    attenuation, sd
        (G,) by which a correlation appears in the scores, and standard deviations of the genes.
    significant
        Whether genes are known to vary together beyond the factors.
    """
    # One error for all pairs, since errors of each pair from few draws would favour pairs in
    # excess.
    shown = np.maximum(np.outer(attenuation, attenuation), np.sqrt(_LEAST_SHOWN))
    errors = chance.mean() / shown**2
    sizes, own_errors = _sizes((away**2 - chance.mean(0)) / shown**2, errors)
    if not significant:
        by_chance = [
            _sizes((own - np.delete(chance, draw, 0).mean(0)) / shown**2, errors)[0].mean()
            for draw, own in enumerate(chance)
        ]
        if sizes.mean() < np.mean(by_chance) + _NOISE * np.std(by_chance, ddof=1):
            return MissedSizes(np.zeros(len(sizes)), np.zeros(len(sizes)), 0.0)
    sizes = _shrunk(sizes, own_errors)
    variance = np.outer(sizes, sizes)
    covariance = np.outer(sd, sd) * away / shown * variance / (variance + errors)
    np.fill_diagonal(covariance, sizes * sd**2)
    missed = MissedSizes(sizes, covariance.mean() / 2 - covariance.mean(1), 0.0)
    pairs = missed.of_pairs(sd)[np.triu_indices(len(sizes), 1)]
    return missed._replace(mean=float(np.sqrt((pairs**2).mean())))


def _sizes(squares: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(G,) sizes and their standard errors from squared correlations (G, G) and their errors."""
    count = len(squares)
    known = 1 - np.eye(count)
    weights = known / errors**2
    start = (weights * squares).sum() / weights.sum(), (known * squares).sum() / known.sum()
    sizes = np.full(count, np.sqrt(max(*start, _LEAST)))
    for _ in range(_ROUNDS):
        weights = known / (errors**2 + np.outer(sizes, sizes) ** 2)
        information = np.maximum(weights @ sizes**2, _TINY)
        last = np.clip((weights * squares) @ sizes / information, 0, 1)
        # Half a step, or two groups of genes would take turns.
        sizes = np.sqrt(sizes * np.maximum(last, _LEAST))
    # The variance of a square of a normal is twice that of its mean.
    return last, np.sqrt(2 / information)


def _shrunk(sizes: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Posterior means of sizes that are normal about a mean, both estimated."""
    noise = np.maximum(errors**2, _LEAST**2)
    spread = max(float(sizes.var() - np.median(noise)), 0.0)
    weights = 1 / (spread + noise)
    mean = (weights * sizes).sum() / weights.sum()
    return np.asarray((spread * sizes + noise * mean) * weights)
