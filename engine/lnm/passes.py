"""Passes over the cells: parameters in, summed statistics and the cells' latents out."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from engine.data import Counts
from engine.lnm import equations
from engine.lnm.residual import NARROW, Integral
from engine.lnm.sums import Sums, sums_at_mode

# Elements of a block: few enough for a processor's caches, enough to keep a GPU busy.
_BLOCK_ELEMENTS = {"cpu": 2**19}
_BLOCK_ELEMENTS_ELSEWHERE = 2**24
_MOST_CELLS = 2**14
# Newton decrements, in posterior standard deviations of a cell's latents.
_TOLERANCE = 1e-3
_FAILED = 1e-2
_COLD_STEPS = 40
_WARM_STEPS = 12

# One program: separate operations would compile twenty.
_cold_start = jax.jit(equations.cold_start)
# A cell of one count, whose intensity tells that of all others: another number of cells would
# compile another program.
_ONE_COUNT = np.ones(1)


@partial(jax.jit, static_argnames="integral")
def block_sums(
    params: equations.Params,
    counts: Float[Array, "B G"],
    weights: Float[Array, "B"],
    latents: equations.Latents,
    rotation: Float[Array, "k k"],
    volume: Float[Array, "k k"],
    integral: Integral,
    max_steps: int,
    covariates: Float[Array, "B p"] | None = None,
    effects: Float[Array, "G p"] | None = None,
) -> tuple[Sums, equations.Cells]:
    """Find the modes, then sum the statistics there over the cells that were not lost."""
    params = equations.of_cells(params, covariates, effects)
    posterior = equations.find_posterior(
        params, counts, latents, integral, tolerance=_TOLERANCE, max_steps=max_steps
    )
    weights = jnp.where(jnp.isfinite(posterior.decrement), weights, 0.0)
    sums = sums_at_mode(params, counts, weights, posterior, volume, integral, covariates)
    return sums, posterior.cells(rotation)


@partial(jax.jit, static_argnames="integral")
def block_cells(
    params: equations.Params,
    counts: Float[Array, "B G"],
    latents: equations.Latents,
    rotation: Float[Array, "k k"],
    integral: Integral,
    max_steps: int,
    covariates: Float[Array, "B p"] | None = None,
    effects: Float[Array, "G p"] | None = None,
) -> equations.Cells:
    """Find the modes and the posteriors there, for new cells under known parameters."""
    params = equations.of_cells(params, covariates, effects)
    return equations.find_posterior(
        params, counts, latents, integral, tolerance=_TOLERANCE, max_steps=max_steps
    ).cells(rotation)


@dataclass(frozen=True)
class Pass:
    """The result of one pass: sums in float64, and arrays over all cells."""

    sums: Sums | None
    latents: equations.Latents
    scores_sd: np.ndarray
    log_marginal: np.ndarray
    decrement: np.ndarray
    weights: np.ndarray | None = None

    @property
    def log_marginal_total(self) -> float:
        """Weighted sum over the cells with finite latents, nats."""
        finite = np.isfinite(self.decrement)
        weights = 1.0 if self.weights is None else self.weights[finite]
        return float((self.log_marginal[finite] * weights).sum())

    @property
    def n_lost_cells(self) -> int:
        """Cells whose latents stopped being finite; they are left out of the sums."""
        return int(np.sum(~np.isfinite(self.decrement)))

    @property
    def n_failed_cells(self) -> int:
        """Cells whose Newton iteration did not converge."""
        return int(np.sum(~(self.decrement < _FAILED)))


class Passes:
    """Runs passes over counts in blocks of one fixed shape, so that there is one compilation.

    The cells' latents are stored between passes as the start of the next Newton iteration.

    Parameters
    ----------
    counts
        In memory or streamed from disk; never dense beyond a block.
    dtype
        Floating-point type of the arithmetic; sums over blocks are float64 always.
    block_cells
        Cells per block; None: chosen by the number of genes.
    scores
        (C, k) a first guess of the latents, if there is one.
    integral
        Method to integrate residuals; may be changed between passes, at the cost of a compilation.
    weights
        (C,) weight of each cell in all sums; None: 1.
    covariates
        (C, p) covariates of the cells; None if the model has none.
    one_shape
        Whether blocks have ``block_cells`` rows even where there are fewer cells: several sets of
        cells then share one compilation.
    """

    def __init__(
        self,
        counts: Counts,
        n_factors: int,
        dtype: str,
        block_cells: int | None = None,
        scores: np.ndarray | None = None,
        integral: Integral = NARROW,
        weights: np.ndarray | None = None,
        covariates: np.ndarray | None = None,
        one_shape: bool = False,
    ) -> None:
        self.counts = counts
        self._weights = weights
        self.integral = integral
        self._dtype = np.dtype(dtype)
        self.covariates = None if covariates is None else covariates.astype(self._dtype)
        elements = _BLOCK_ELEMENTS.get(jax.default_backend(), _BLOCK_ELEMENTS_ELSEWHERE)
        rows = block_cells or min(max(elements // counts.n_genes, 1), _MOST_CELLS)
        self._rows = rows if one_shape else min(rows, counts.n_cells)
        if scores is None:
            scores = np.zeros((counts.n_cells, n_factors))
        self._scores = scores.astype(self._dtype)
        self._intensity: np.ndarray | None = None
        self._constants = np.full(counts.n_cells, np.nan)

    def change_basis(
        self, mean: np.ndarray, factor: np.ndarray, slope: np.ndarray | None = None
    ) -> None:
        """Change the start of the next Newton iteration by z -> factor^-1 (z - mean - slope x).

        Parameters
        ----------
        slope
            (k, f) slopes in the first f covariates x.
        """
        if slope is not None and slope.size and self.covariates is not None:
            mean = mean + self.covariates[:, : slope.shape[1]] @ slope.T
        self._scores = np.linalg.solve(factor, (self._scores - mean).T).T.astype(self._dtype)

    def run(
        self,
        params: equations.Params,
        rotation: np.ndarray,
        volume: np.ndarray | None,
        effects: np.ndarray | None = None,
    ) -> Generator[float, None, Pass]:
        """One pass; yields the share of it that is done after every block.

        Parameters
        ----------
        rotation
            (k, k) orthogonal: standard deviations of z are computed along its columns.
        volume
            (k, k) Q of `sums.sums_at_mode`, for the sum over all cells; None: no sums, only the
            posterior of cells under known parameters.
        effects
            (G, p) effects of the covariates; None without any.
        """
        params = equations.Params(*(np.asarray(array, self._dtype) for array in params))
        if effects is not None:
            effects = effects.astype(self._dtype)
        rotation = rotation.astype(self._dtype)
        count = self.counts.n_cells
        whole = count if self._weights is None else float(self._weights.sum())
        share = None if volume is None else (volume / whole).astype(self._dtype)
        steps = _WARM_STEPS
        if self._intensity is None:
            steps = _COLD_STEPS
            with self._arithmetic():
                cold = _cold_start(params, _ONE_COUNT.astype(self._dtype))
            with np.errstate(divide="ignore"):
                log_totals = np.log(self.counts.totals.astype(self._dtype))
            self._intensity = log_totals + np.asarray(cold.intensity)
        latents = equations.Latents(np.empty_like(self._scores), np.empty_like(self._intensity))
        scores_sd = np.empty_like(self._scores)
        log_marginal, decrement = np.empty(count), np.empty(count)
        total: Sums | None = None
        for start in range(0, count, self._rows):
            own = slice(start, min(start + self._rows, count))
            size = own.stop - start
            sums, cells = self._block(params, rotation, share, own, steps, effects)
            # Cut on the host, where no program is compiled for it.
            block = jax.tree.map(lambda array, size=size: np.asarray(array)[:size], cells)
            latents.scores[own] = block.latents.scores
            latents.intensity[own] = block.latents.intensity
            scores_sd[own] = block.scores_sd
            log_marginal[own] = block.log_marginal.astype(float) + self._constants[own]
            decrement[own] = block.decrement
            if sums is not None:
                part = Sums(*(np.asarray(array, np.float64) for array in sums))
                total = part if total is None else Sums(*map(np.add, total, part))
            yield own.stop / count
        self._scores, self._intensity = latents.scores, latents.intensity
        return Pass(total, latents, scores_sd, log_marginal, decrement, self._weights)

    def _block(
        self,
        params: equations.Params,
        rotation: np.ndarray,
        volume: np.ndarray | None,
        own: slice,
        steps: int,
        effects: np.ndarray | None,
    ) -> tuple[Sums | None, equations.Cells]:
        counts = self.counts.block(own.start, own.stop)
        if np.isnan(self._constants[own.start]):
            self._constants[own] = equations.constants(counts)
        assert self._intensity is not None
        size = len(counts)
        padded = np.pad(np.arange(size), (0, self._rows - size), mode="edge")
        weights = (np.arange(self._rows) < size).astype(self._dtype)
        if self._weights is not None:
            weights *= self._weights[own][padded].astype(self._dtype)
        latents = equations.Latents(self._scores[own][padded], self._intensity[own][padded])
        counts = counts[padded].astype(self._dtype, copy=False)
        covariates = None if self.covariates is None else self.covariates[own][padded]
        how = rotation, self.integral, steps, covariates, effects
        with self._arithmetic():
            if volume is None:
                return None, block_cells(params, counts, latents, *how)
            return block_sums(params, counts, weights, latents, rotation, volume, *how[1:])

    def _arithmetic(self) -> contextlib.AbstractContextManager[None]:
        return jax.enable_x64(bool(self._dtype == np.float64))


def result_of[T](steps: Generator[object, None, T]) -> T:
    """The return value of a generator; its yields are dropped."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(T, end.value)
