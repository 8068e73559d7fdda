"""laplace_quality, laplace_quality_iter: Laplace's approximation against importance sampling."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import jax
import numpy as np
import pandas as pd
from jaxtyping import Array, Float
from scipy.special import gammaln, logsumexp

from engine.data import Counts
from engine.errors import ConfigError, DataError
from engine.fitting.blocks import on_device
from engine.fitting.compilation import keep_compilations
from engine.lnm import equations
from engine.lnm.covariates import mean_of
from engine.lnm.outer_steps import integral_for
from engine.lnm.posteriors import block_cells, parameters, posteriors
from engine.lnm.residual import residual_mode
from engine.lnm.wide_residual import quadrature_psi
from engine.results import AnyFit
from engine.validation import whole

if TYPE_CHECKING:
    from engine.results import Fit

# Above this Pareto k the weights have too heavy a tail for any feasible number of draws.
RELIABLE = 0.7
# Share of unreliable cells, and mean error in nats per cell, above which a warning is given.
_MANY, _FAR = 0.05, 0.1


@dataclass(frozen=True)
class LaplaceQuality:
    """How far the Laplace approximation can be trusted.

    Attributes
    ----------
    cells
        One row a cell: ``cell``, ``total`` counts, log p(counts | total) by ``laplace`` and by
        importance sampling (``reference``, with ``reference_se``), their ``difference`` (Laplace
        less reference), nats, and ``pareto_k``: above 0.7 the Gaussian does not match the
        posterior, and the reference is unreliable too.
    warning
        Why not to trust the approximation, in words; None if it can be trusted.
    n_failed
        Cells whose mode was not found; they are not in ``cells``.
    """

    cells: pd.DataFrame
    warning: str | None
    n_failed: int


@dataclass(frozen=True)
class LaplaceProgress:
    """A step: the share of the cells done; the last step has the result."""

    fraction: float
    quality: LaplaceQuality | None = None


def laplace_quality(
    fit: AnyFit, counts: Counts, *, n_cells: int = 200, n_draws: int = 400, seed: int = 0
) -> LaplaceQuality:
    """Compare Laplace's log-marginals with importance sampling; see `laplace_quality_iter`."""
    *_, last = laplace_quality_iter(fit, counts, n_cells=n_cells, n_draws=n_draws, seed=seed)
    if last.quality is None:
        raise RuntimeError("the last step has the result")
    return last.quality


def laplace_quality_iter(
    fit: AnyFit, counts: Counts, *, n_cells: int = 200, n_draws: int = 400, seed: int = 0
) -> Iterator[LaplaceProgress]:
    """Compare Laplace's log-marginals with importance sampling from the same Gaussian.

    Draws q = (z, lambda) from the cell's Gaussian g and averages
    ``exp(sum_g psi_g(x_g) - z'z / 2) / g(q)``, each psi by quadrature and the weights
    Pareto-smoothed (Vehtari, Simpson, Gelman, Yao and Gabry 2024, J. Mach. Learn. Res. 25). It does
    not detect a second mode far from the first.

    It warns if more than 5 % of the cells have k above 0.7, or if the mean difference exceeds
    0.1 nat.

    Parameters
    ----------
    counts
        Genes matched by name.
    n_cells
        Number of cells, drawn at random among those with counts; all if there are fewer.

    Raises
    ------
    ConfigError
        If the fit is not an LNM or LNMVCP, or a number is out of range.
    DataError
        If the counts lack genes of the fit, or no cell has counts of them.
    """
    if not fit.can("laplace_test"):
        raise ConfigError("a fit of an LNM or LNMVCP", fit.model, "Nothing here is by Laplace.")
    whole("n_cells", n_cells, 1, 100_000)
    whole("n_draws", n_draws, 50, 100_000)
    whole("seed", seed, 0, 2**32 - 1)
    counts = counts.matched(fit.genes, fit.gene_ids)
    able = np.flatnonzero(counts.totals > 0)
    if len(able) == 0:
        raise DataError("cells with counts of the fit's genes", "none", "Choose other cells.")
    rng = np.random.default_rng([seed, 5])
    chosen = np.sort(rng.choice(able, min(n_cells, len(able)), replace=False))
    return _steps(cast("Fit", fit), counts.take(chosen), block_cells(counts), n_draws, rng)


def _steps(
    fit: Fit, counts: Counts, at_once: int, n_draws: int, rng: np.random.Generator
) -> Generator[LaplaceProgress, None, None]:
    keep_compilations()
    yield LaplaceProgress(0.0)
    params, integral = parameters(fit), integral_for(fit)
    rows: list[dict[str, object]] = []
    n_failed = 0
    for start in range(0, counts.n_cells, at_once):
        dense = counts.block(start, start + at_once)
        padded = np.ones((at_once, dense.shape[1]), np.float32)
        padded[: len(dense)] = dense
        means = mean_of(fit, counts.obs.iloc[start : start + at_once])
        if means.ndim > 1:
            means = np.pad(means, ((0, at_once - len(dense)), (0, 0)), mode="edge")
            params = params._replace(mean=on_device(means))
        posterior = posteriors(params, on_device(padded), integral)
        fixed = equations.constants(dense)
        for j, own in enumerate(dense):
            yield LaplaceProgress((start + j) / counts.n_cells)
            if posterior.lost[j]:
                n_failed += 1
                continue
            root = posterior.root[j]
            noise = rng.standard_normal((n_draws, len(root)))
            drawn = posterior.centre[j] + noise @ root.T
            mean = params.mean[j] if means.ndim > 1 else params.mean
            log_joint = np.asarray(_log_joint(params._replace(mean=mean), own, drawn), float)
            log_gaussian = -0.5 * (noise**2).sum(1) - np.log(np.diagonal(root)).sum()
            smoothed, shape = smooth(log_joint - log_gaussian)
            value = logsumexp(smoothed) - np.log(n_draws)
            weights = np.exp(smoothed - smoothed.max())
            rows.append(
                {
                    "cell": counts.cells[start + j],
                    "total": counts.totals[start + j],
                    "laplace": posterior.log_marginal[j] + fixed[j],
                    # Draws integrate over lambda exactly, so the correction is taken out.
                    "reference": value + fixed[j] - _stirling_error(own.sum()),
                    "reference_se": weights.std() / weights.mean() / np.sqrt(n_draws),
                    "pareto_k": shape,
                }
            )
    columns = ["cell", "total", "laplace", "reference", "reference_se", "pareto_k"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(5, "difference", table["laplace"] - table["reference"])
    yield LaplaceProgress(1.0, LaplaceQuality(table, _warning(table, n_failed), n_failed))


def smooth(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Pareto-smoothed logarithms of importance weights (S,), and the shape k of their tail."""
    # The import takes half a second, which other functions do not need.
    from arviz_stats.base.array import array_stats

    try:
        smoothed, shape = array_stats.psislw(-log_weights)
    except ValueError:
        # It refuses largest weights that are all equal, as by float32 in cells with huge totals.
        return log_weights, 0.0
    # psislw normalises the weights; the smallest is not smoothed and restores their scale.
    return smoothed + (log_weights.min() - smoothed.min()), float(shape)


def _stirling_error(total: float) -> float:
    """``log Gamma(N)`` less Stirling's formula, which makes Laplace exact in lambda."""
    n = float(total)
    return float(gammaln(n) - (n * np.log(n) - n + 0.5 * np.log(2 * np.pi / n)))


def _warning(table: pd.DataFrame, n_failed: int) -> str | None:
    n_cells = len(table) + n_failed
    n_bad = int((table["pareto_k"] > RELIABLE).sum()) + n_failed
    if n_bad > _MANY * n_cells:
        return (
            f"Laplace should not be trusted for {n_bad:,} of {n_cells:,} cells (Pareto k above "
            f"{RELIABLE}, or no mode): leave out cells with few counts, or use fewer factors."
        )
    mean = float(table["difference"].mean())
    if abs(mean) > _FAR:
        return (
            f"Laplace log-marginals are off by {mean:+.2f} nats a cell: do not compare fits by "
            "differences as small as that."
        )
    return None


@jax.jit
def _log_joint(
    params: equations.Params, counts: Float[Array, "G"], latents: Float[Array, "S q"]
) -> Float[Array, "S"]:
    """Log joint density without ``constants``, as the Laplace value."""
    scores = latents[:, :-1]
    x = params.mean + scores @ params.loadings.T + latents[:, -1:]
    mode = residual_mode(x, params.log_noise, counts)
    return quadrature_psi(mode).sum(1) - 0.5 * (scores**2).sum(1)
