"""How strongly genes vary together beyond the factors of a fit, in counts and in draws of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy import stats
from scipy.sparse.linalg import eigsh

from engine.checks.posteriors import Posteriors, parameters, posteriors
from engine.inference.laplace import integral_for
from engine.results import Fit

# Draws for the mean of their correlations, and those that tell how large an eigenvalue may be.
_FOR_MEAN, _FOR_SPREAD = 5, 8
# Probability by chance, and excess of the eigenvalue, from which there is something.
_CHANCE, _LEAST = 0.003, 0.1
# No cell counts for more than this many standard deviations.
_CUT = 5.0


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
    """Whether an eigenvalue is more than chance makes."""
    far = stats.t.ppf(1 - _CHANCE, _FOR_SPREAD - 1) * spread * np.sqrt(1 + 1 / _FOR_SPREAD)
    return bool(largest - expected > max(_LEAST, far))


def leading(
    fit: Fit, seen: np.ndarray, genes: np.ndarray, at_once: int, rng: np.random.Generator
) -> Generator[float, None, Leading]:
    """Compare counts (C, G) with draws of the fit; yields the share that is done.

    Parameters
    ----------
    genes
        Positions of those that are looked at.
    at_once
        Cells that are placed at a time.
    """
    scores, found = _scores(fit, seen, genes, at_once)
    observed = _correlation(scores)
    mean = np.zeros_like(observed)
    largest = []
    n_draws = _FOR_MEAN + _FOR_SPREAD
    for draw in range(n_draws):
        yield (draw + 1) / (n_draws + 1)
        drawn = _correlation(_scores(fit, _drawn(fit, seen, found, rng), genes, at_once)[0])
        if draw < _FOR_MEAN:
            mean += drawn / _FOR_MEAN
        else:
            largest.append(_largest(drawn - mean, rng)[0])
    value, direction = _largest(observed - mean, rng)
    expected, spread = float(np.mean(largest)), float(np.std(largest, ddof=1))
    return Leading(value, expected, spread, direction, scores @ direction)


def _scores(
    fit: Fit, counts: np.ndarray, genes: np.ndarray, at_once: int
) -> tuple[np.ndarray, list[Posteriors]]:
    """(C, g) standardised scores of some genes, and the posteriors block by block."""
    params, integral = parameters(fit), integral_for(fit)
    parts, blocks = [], []
    for start in range(0, len(counts), at_once):
        own = counts[start : start + at_once]
        # All blocks of one shape: one compilation.
        whole_block = np.resize(own, (at_once, own.shape[1]))
        found = posteriors(params, jnp.asarray(whole_block), integral)
        score = whole_block - np.exp(found.x + found.residual)
        score[found.lost] = 0
        parts.append(score[: len(own), genes])
        blocks.append(found)
    scores = np.concatenate(parts).astype(np.float32)
    scores -= scores.mean(0)
    spread = scores.std(0)
    scores /= np.where(spread > 0, spread, np.inf)
    return np.clip(scores, -_CUT, _CUT), blocks


def _drawn(
    fit: Fit, seen: np.ndarray, found: list[Posteriors], rng: np.random.Generator
) -> np.ndarray:
    """(C, G) counts from the posterior of each cell's factors, its total kept."""
    parts, start = [], 0
    sd = np.sqrt(fit.noise)
    for block in found:
        own = seen[start : start + len(block.centre)]
        start += len(own)
        normal = rng.normal(size=block.centre.shape)[: len(own)]
        moved = np.einsum("cij,cj->ci", block.root[: len(own)], normal)
        x = block.x[: len(own)] + moved[:, :-1] @ fit.loadings.T
        x += sd * rng.normal(size=x.shape)
        share = np.exp(x - x.max(1, keepdims=True)).astype(np.float64)
        share /= share.sum(1, keepdims=True)
        parts.append(rng.multinomial(own.sum(1).astype(np.int64), share))
    return np.concatenate(parts).astype(np.float32)


def _correlation(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores.T @ scores) / len(scores)


def _largest(matrix: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Largest eigenvalue and its eigenvector."""
    if len(matrix) < 20:
        values, vectors = np.linalg.eigh(matrix)
        return float(values[-1]), vectors[:, -1]
    start = rng.normal(size=len(matrix)).astype(matrix.dtype)
    values, vectors = eigsh(matrix, 1, which="LA", v0=start, tol=1e-4)
    return float(values[0]), vectors[:, 0]
