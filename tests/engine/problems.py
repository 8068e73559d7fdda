"""Small problems with known answers, and what the tests compare them by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy import optimize

import engine
from engine.data import Counts
from engine.lnm import equations
from engine.lnm.prior import Prior
from engine.lnm.residual import LOG_NO_NOISE, NARROW, Integral
from engine.lnm.sums import Sums, sums_at_mode
from engine.results import Fit, Status, Totals


@dataclass(frozen=True)
class Problem:
    """Parameters in ALR (last gene the reference) and cells drawn from them."""

    mean: np.ndarray
    loadings: np.ndarray
    noise: np.ndarray
    counts: np.ndarray

    @property
    def params(self) -> equations.Params:
        log_noise = np.log(np.maximum(self.noise, np.exp(LOG_NO_NOISE)))
        return equations.Params(self.mean, self.loadings, log_noise)


def problem(
    totals: list[int],
    *,
    genes: int = 8,
    factors: int = 2,
    loading_scale: float = 0.5,
    noise: tuple[float, float] = (0.05, 0.5),
    seed: int = 1,
) -> Problem:
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=genes)
    loadings = rng.normal(size=(genes, factors)) * loading_scale
    variance = rng.uniform(*noise, genes)
    mean[-1], loadings[-1], variance[-1] = 0, 0, 0
    shape = (len(totals), genes)
    logits = mean + rng.normal(size=(len(totals), factors)) @ loadings.T
    logits += rng.normal(size=shape) * np.sqrt(variance)
    shares = np.exp(logits)
    shares /= shares.sum(1, keepdims=True)
    drawn = [rng.multinomial(n, p) for n, p in zip(totals, shares, strict=True)]
    return Problem(mean, loadings, variance, np.stack(drawn).astype(float))


# Cells are filled up to one of these numbers, unless they are more: a program serves all tests
# of so many genes.
_BLOCKS = (10, 100)
_cold_start = jax.jit(equations.cold_start)


@partial(jax.jit, static_argnames="integral")
def _evaluate(
    params: equations.Params,
    counts: jax.Array,
    weights: jax.Array,
    volume: jax.Array,
    integral: Integral,
    tolerance: float,
    max_steps: int,
    start: equations.Latents,
) -> tuple[Sums, equations.Cells]:
    posterior = equations.find_posterior(
        params,
        counts,
        start,
        integral,
        tolerance=tolerance,
        max_steps=max_steps,
    )
    rotation = jnp.eye(params.loadings.shape[1], dtype=counts.dtype)
    sums = sums_at_mode(params, counts, weights, posterior, volume, integral)
    return sums, posterior.cells(rotation)


def evaluate(
    params: equations.Params,
    counts: np.ndarray,
    *,
    dtype: str = "float64",
    tolerance: float = 1e-11,
    max_steps: int = 60,
    weights: np.ndarray | None = None,
    volume: np.ndarray | None = None,
    integral: Integral = NARROW,
    start: equations.Latents | None = None,
) -> tuple[Sums, equations.Cells]:
    """One pass over one block, cold by default; log marginals with all their constants."""
    width = params.loadings.shape[1]
    volume = np.zeros((width, width)) if volume is None else volume
    size = len(counts)
    filled = next((block for block in _BLOCKS if block >= size), size)
    rows = np.minimum(np.arange(filled), size - 1)
    weights = np.ones(size) if weights is None else weights
    weights = np.where(np.arange(filled) < size, weights[rows], 0)
    with jax.enable_x64(dtype == "float64"):
        params = equations.Params(*(np.asarray(array, dtype) for array in params))
        block = counts.astype(dtype)[rows]
        if start is None:
            start = _cold_start(params, block.sum(1))
        else:
            start = equations.Latents(*(array.astype(dtype)[rows] for array in start))
        sums, cells = _evaluate(
            params,
            block,
            weights.astype(dtype),
            volume.astype(dtype),
            integral,
            tolerance,
            max_steps,
            start,
        )
    sums = Sums(*(np.asarray(array, float) for array in sums))
    cells = jax.tree.map(lambda array: np.asarray(array, float)[:size], cells)
    return sums, cells._replace(log_marginal=cells.log_marginal + equations.constants(counts))


def counts_of(matrix: np.ndarray, *, reference: int = -1) -> Counts:
    cells, genes = matrix.shape
    return Counts.from_arrays(
        matrix,
        [f"gene_{g}" for g in range(genes)],
        [f"cell_{c}" for c in range(cells)],
        reference=reference,
    )


def unfitted(
    counts: Counts,
    config: engine.LNMConfig,
    mean_clr: np.ndarray,
    loadings: np.ndarray,
    noise: np.ndarray,
) -> Fit:
    """A fit of parameters that are known: no pass was made, and no cell placed."""
    cells, width = counts.n_cells, config.n_factors
    columns = ["pass", "seconds", "log_marginal_per_cell"]
    return Fit(
        config=config,
        genes=counts.genes,
        cells=counts.cells,
        reference=counts.reference,
        mean_clr=mean_clr,
        loadings=loadings,
        noise=noise,
        scores=np.zeros((cells, width), np.float32),
        scores_sd=np.ones((cells, width), np.float32),
        log_marginal=np.full(cells, -1000.0),
        total_counts=counts.totals,
        totals=Totals(float(counts.totals.mean()), 5.0),
        capture=None,
        obs=counts.obs,
        trace=pd.DataFrame([[1, 1.0, -1000.0]], columns=columns),
        status=Status("stopped", "nothing was fitted", 1, 1.0, 0.0, 0),
        prior=Prior.start(config).to_dict(np.eye(width)),
        data=counts.provenance(),
    )


def dense(counts: Counts) -> np.ndarray:
    return counts.block(0, counts.n_cells)


def upper(table: pd.DataFrame | np.ndarray) -> np.ndarray:
    values = np.asarray(table)
    return values[np.triu_indices(len(values), 1)]


def pearson(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """Of two gene x gene tables, over pairs of the genes of the first."""
    other = other.loc[one.index, one.columns]
    return float(np.corrcoef(upper(one), upper(other))[0, 1])


def clr_agreement(one: Fit, other: Fit) -> float:
    return pearson(engine.summaries.clr_correlation(one), engine.summaries.clr_correlation(other))


def passes_of(steps: Iterator[engine.Progress]) -> Iterator[engine.Progress]:
    """The progress that has news: one for every accepted step."""
    rows = 0
    for progress in steps:
        if progress.snapshot is not None and len(progress.snapshot().trace) > rows:
            rows = len(progress.snapshot().trace)
            yield progress


def topic_match(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cosines of true topics (F, K) with the found ones they are best paired with, ascending."""
    one = found / np.linalg.norm(found, axis=0)
    other = truth / np.linalg.norm(truth, axis=0)
    cosines = other.T @ one
    rows, columns = optimize.linear_sum_assignment(-cosines)
    return np.sort(cosines[rows, columns])
