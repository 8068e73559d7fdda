"""How strongly genes vary together beyond the factors of a fit, in counts and in draws from it."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.sparse.linalg import eigsh

from engine.checks.missed_sizes import MissedSizes, missed_sizes
from engine.lnm import equations
from engine.lnm.posteriors import Posteriors
from engine.lnm.residual import Integral
from engine.lnm.some_genes import AT_ONCE, Model, draw_counts, scores_of

# Draws for the mean of their correlations, and for the eigenvalue by chance. A brief test stops
# after so few of the latter if the eigenvalue is so many times the largest of theirs.
_FOR_MEAN, _FOR_SPREAD = 5, 8
_PLAIN_AFTER, _PLAIN = 2, 1.5
# Largest p-value, and least excess of the eigenvalue, of a finding.
CHANCE, _LEAST = 0.003, 0.1
# Least difference of a correlation that is reported, and most pairs.
LEAST_PAIR, _PAIRS = 0.1, 3


class Leading(NamedTuple):
    """The direction along which genes vary together most, beyond draws from the fit.

    Attributes
    ----------
    largest, expected, spread
        Its eigenvalue, and mean and standard deviation of that of draws.
    direction, along
        (g,) weights of the genes, and (C,) scores of the cells.
    pairs
        Positions of the genes, the furthest off first, of at most three pairs that are correlated
        beyond the largest correlation of all pairs in draws.
    missed
        What the factors leave out of the correlations.
    """

    largest: float
    expected: float
    spread: float
    direction: np.ndarray
    along: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    missed: MissedSizes


def beyond_chance(largest: float, expected: float, spread: float, times: float = 1.0) -> bool:
    """Whether an eigenvalue exceeds those of draws from the fit by ``times`` the limit."""
    far = stats.t.ppf(1 - CHANCE, _FOR_SPREAD - 1) * spread * np.sqrt(1 + 1 / _FOR_SPREAD)
    return bool(largest - expected > times * max(_LEAST, far))


def pair_limit(largest: list[float]) -> float:
    """Largest difference of any pair by chance, from the largest of all pairs in each draw."""
    # Prediction of another draw: the error of the mean adds to the spread.
    spread = max(float(np.std(largest, ddof=1)), 1e-6) * np.sqrt(1 + 1 / len(largest))
    far = stats.t.ppf(1 - CHANCE, len(largest) - 1)
    return max(LEAST_PAIR, float(np.mean(largest) + far * spread))


def leading(
    params: equations.Params,
    integral: Integral,
    counts: np.ndarray,
    rng: np.random.Generator,
    *,
    brief: bool = False,
) -> Generator[float, None, Leading]:
    """Compare counts (C, G) with draws of a model; yields the share done.

    ``brief`` ends it as soon as the result is clear.
    """
    model = Model(params, integral, min(AT_ONCE, len(counts)))
    scores, posteriors = scores_of(model, counts)
    observed = correlation(scores)
    n_draws = _FOR_MEAN + _FOR_SPREAD

    def drawn() -> np.ndarray:
        replicate = draw_counts(model, len(counts), posteriors, rng)
        return correlation(scores_of(model, replicate)[0])

    mean = np.zeros_like(observed)
    for draw in range(_FOR_MEAN):
        yield (draw + 1) / (n_draws + 1)
        mean += drawn() / _FOR_MEAN
    observed -= mean
    value, direction = _largest(observed, rng)
    others: list[float] = []
    furthest: list[float] = []
    chance: list[np.ndarray] = []
    for draw in range(_FOR_SPREAD):
        yield (draw + _FOR_MEAN + 1) / (n_draws + 1)
        away = drawn() - mean
        others.append(_largest(away, rng)[0])
        furthest.append(float(_of_pairs(away).max()))
        chance.append(away**2)
        plain = len(others) >= _PLAIN_AFTER and value > _PLAIN * max(others)
        if brief and plain and beyond_chance(value, *_moments(others)):
            break
    pairs = _of_pairs(observed)
    order = np.argsort(-pairs, axis=None, kind="stable")[:_PAIRS]
    beyond = [place for place in order if pairs.flat[place] > pair_limit(furthest)]
    named = tuple((int(place) // len(pairs), int(place) % len(pairs)) for place in beyond)
    missed = missed_sizes(
        observed,
        np.array(chance),
        _attenuation(params, posteriors, len(counts)),
        np.sqrt(_variance(params)),
        significant=beyond_chance(value, *_moments(others)),
    )
    return Leading(value, *_moments(others), direction, scores @ direction, named, missed)


def _attenuation(
    params: equations.Params, posteriors: list[Posteriors], n_cells: int
) -> np.ndarray:
    """(G,) attenuation of correlations in the scores of each gene.

    A correlation that the fit leaves out appears in the scores times the attenuations of both
    genes.

    The score is the mode of the residual over its variance d. With intensity l that mode is
    ``l d / (1 + l d)`` times the residual. So scores have variance ``v = E[l / (1 + l d)]``, and a
    covariance c of two residuals appears as a correlation ``c sqrt(v_1 v_2)`` of their scores.
    """
    noise = np.exp(np.asarray(params.log_noise, float))
    intensities = np.concatenate([np.exp(one.x + one.residual) for one in posteriors])[:n_cells]
    lost = np.concatenate([one.lost for one in posteriors])[:n_cells]
    known = intensities[~lost].astype(float)
    return np.asarray(np.sqrt((known / (1 + known * noise)).mean(0) * _variance(params)))


def _variance(params: equations.Params) -> np.ndarray:
    """(G,) variance of the logits, by factors and residuals."""
    noise = np.exp(np.asarray(params.log_noise, float))
    return np.asarray((np.asarray(params.loadings, float) ** 2).sum(1) + noise)


def _of_pairs(away: np.ndarray) -> np.ndarray:
    """(G, G) absolute values, each pair once."""
    return np.asarray(np.triu(np.abs(away), 1))


def _moments(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1))


def correlation(scores: np.ndarray) -> np.ndarray:
    """(G, G) correlations of standardised scores."""
    return np.asarray(scores.T @ scores) / len(scores)


def _largest(matrix: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Largest eigenvalue and its eigenvector."""
    if len(matrix) < 20:
        values, vectors = np.linalg.eigh(matrix)
        return float(values[-1]), vectors[:, -1]
    start = rng.normal(size=len(matrix)).astype(matrix.dtype)
    values, vectors = eigsh(matrix, 1, which="LA", v0=start, tol=1e-4)
    return float(values[0]), vectors[:, 0]
