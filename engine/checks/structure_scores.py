"""How strongly genes vary together beyond the factors of a fit, in counts and in draws of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.sparse.linalg import eigsh

from engine.lnm import equations
from engine.lnm.residual import Integral
from engine.lnm.some_genes import AT_ONCE, Model, draw_counts, scores_of

# Draws for the mean of their correlations, and those that tell how large an eigenvalue may be: so
# few of these, at least, where one is so many times as large as any of theirs.
_FOR_MEAN, _FOR_SPREAD = 5, 8
_PLAIN_AFTER, _PLAIN = 2, 1.5
# Probability by chance, and excess of the eigenvalue, from which there is something.
CHANCE, _LEAST = 0.003, 0.1


class Leading(NamedTuple):
    """The direction along which genes vary together most, beyond what draws do.

    Attributes
    ----------
    largest, expected, spread
        Its eigenvalue, and mean and standard deviation of that of draws.
    direction, along
        (g,) weights of the genes, and (C,) scores of the cells.
    """

    largest: float
    expected: float
    spread: float
    direction: np.ndarray
    along: np.ndarray


def beyond_chance(largest: float, expected: float, spread: float) -> bool:
    """Whether an eigenvalue is larger than those of draws from the fit."""
    far = stats.t.ppf(1 - CHANCE, _FOR_SPREAD - 1) * spread * np.sqrt(1 + 1 / _FOR_SPREAD)
    return bool(largest - expected > max(_LEAST, far))


def leading(
    params: equations.Params,
    integral: Integral,
    seen: np.ndarray,
    rng: np.random.Generator,
    *,
    brief: bool = False,
) -> Generator[float, None, Leading]:
    """Compare counts (C, G) with draws of a model; yields the share that is done.

    ``brief`` ends it as soon as the answer is plain.
    """
    model = Model(params, integral, min(AT_ONCE, len(seen)))
    scores, found = scores_of(model, seen)
    observed = correlation(scores)
    n_draws = _FOR_MEAN + _FOR_SPREAD

    def drawn() -> np.ndarray:
        counts = draw_counts(model, len(seen), found, rng)
        return correlation(scores_of(model, counts)[0])

    mean = np.zeros_like(observed)
    for draw in range(_FOR_MEAN):
        yield (draw + 1) / (n_draws + 1)
        mean += drawn() / _FOR_MEAN
    value, direction = _largest(observed - mean, rng)
    others: list[float] = []
    for draw in range(_FOR_SPREAD):
        yield (draw + _FOR_MEAN + 1) / (n_draws + 1)
        others.append(_largest(drawn() - mean, rng)[0])
        plain = len(others) >= _PLAIN_AFTER and value > _PLAIN * max(others)
        if brief and plain and beyond_chance(value, *_moments(others)):
            break
    return Leading(value, *_moments(others), direction, scores @ direction)


def _moments(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1))


def correlation(scores: np.ndarray) -> np.ndarray:
    """(G, G) of standardised scores."""
    return np.asarray(scores.T @ scores) / len(scores)


def _largest(matrix: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Largest eigenvalue and its eigenvector."""
    if len(matrix) < 20:
        values, vectors = np.linalg.eigh(matrix)
        return float(values[-1]), vectors[:, -1]
    start = rng.normal(size=len(matrix)).astype(matrix.dtype)
    values, vectors = eigsh(matrix, 1, which="LA", v0=start, tol=1e-4)
    return float(values[0]), vectors[:, 0]
