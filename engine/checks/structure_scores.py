"""How strongly genes vary together beyond the factors of a fit, in counts and in draws of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy import stats
from scipy.sparse.linalg import eigsh

from engine.checks.posteriors import Posteriors, posteriors
from engine.lnm import equations
from engine.lnm.laplace import integral_for
from engine.lnm.residual import LOG_NO_NOISE, Integral
from engine.results import Fit

# Draws for the mean of their correlations, and those that tell how large an eigenvalue may be: so
# few of these, at least, where one is so many times as large as any of theirs.
_FOR_MEAN, _FOR_SPREAD = 5, 8
_PLAIN_AFTER, _PLAIN = 2, 1.5
# Probability by chance, and excess of the eigenvalue, from which there is something.
CHANCE, _LEAST = 0.003, 0.1
# Cells that are placed at a time, and the largest logarithm of a drawn intensity.
AT_ONCE, _LARGEST_LOG = 512, 16.0
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


class Model(NamedTuple):
    """A model of some genes, and how many cells are placed at a time."""

    params: equations.Params
    integral: Integral
    at_once: int


def model_of(fit: Fit, genes: np.ndarray, at_once: int) -> Model:
    """That of the counts of some genes (positions) among themselves, of the same form."""
    noise = fit.noise[genes]
    params = params_of(fit.mean_clr[genes], fit.loadings[genes], noise)
    return Model(params, integral_for(fit), at_once)


def params_of(mean: np.ndarray, loadings: np.ndarray, noise: np.ndarray) -> equations.Params:
    """In single precision."""
    log_noise = np.log(np.maximum(noise, np.exp(LOG_NO_NOISE)))
    return equations.Params(*(jnp.asarray(one, jnp.float32) for one in (mean, loadings, log_noise)))


def scores_of(model: Model, counts: np.ndarray) -> tuple[np.ndarray, list[Posteriors]]:
    """(C, G) standardised scores, and the posteriors block by block."""
    parts, blocks = [], []
    for start in range(0, len(counts), model.at_once):
        own = counts[start : start + model.at_once]
        # All blocks of one shape: one compilation.
        block = np.resize(own, (model.at_once, own.shape[1]))
        found = posteriors(model.params, jnp.asarray(block), model.integral)
        score = block - np.exp(found.x + found.residual)
        score[found.lost] = 0
        parts.append(score[: len(own)])
        blocks.append(found)
    return standardised(np.concatenate(parts)), blocks


def standardised(scores: np.ndarray) -> np.ndarray:
    """Each gene with mean 0 and variance 1 over cells, no cell far out."""
    scores = scores.astype(np.float32)
    scores -= scores.mean(0)
    spread = scores.std(0)
    scores /= np.where(spread > 0, spread, np.inf)
    return np.clip(scores, -_CUT, _CUT)


def draw_counts(
    model: Model, n_cells: int, found: list[Posteriors], rng: np.random.Generator
) -> np.ndarray:
    """(C, G) counts from the posterior of each cell's factors and intensity.

    Poisson: which totals they have does not matter, since intensities are free.
    """
    loadings = np.asarray(model.params.loadings)
    sd = np.exp(0.5 * np.asarray(model.params.log_noise))
    parts = []
    for block in found:
        moved = np.einsum(
            "cij,cj->ci", block.root, rng.standard_normal(block.centre.shape, np.float32)
        )
        x = block.x + moved[:, :-1] @ loadings.T + moved[:, -1:]
        x += sd * rng.standard_normal(x.shape, np.float32)
        # Of a cell whose mode was not found there is nothing to draw from.
        x[block.lost | ~np.isfinite(x).all(1)] = -np.inf
        parts.append(rng.poisson(np.exp(np.minimum(x, _LARGEST_LOG))))
    drawn = np.concatenate(parts)[:n_cells].astype(np.float32)
    # A cell without counts has no mode; one count is next to none.
    drawn[drawn.sum(1) == 0, 0] = 1
    return drawn


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
