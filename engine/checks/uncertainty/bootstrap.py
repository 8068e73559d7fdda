"""Bayesian bootstrap: refits with random weights of the cells."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from engine.checks.quality import paired
from engine.checks.structure_finding import structure_of
from engine.checks.uncertainty.iterate import UncertaintyProgress, completed, own_counts
from engine.checks.uncertainty.replicates import Replicates, turned
from engine.checks.uncertainty.result import Uncertainty
from engine.data import Counts
from engine.errors import ConfigError
from engine.fitting.compilation import keep_compilations
from engine.lnm.canonical import principal_axes
from engine.lnm.laplace import Step, maximise
from engine.lnm.metric import Metric
from engine.lnm.point import Point, within
from engine.results import AnyFit
from engine.validation import whole

if TYPE_CHECKING:
    from engine.results import Fit

# Most passes of a replicate, and about how many one takes.
_MOST_PASSES, _TYPICAL_PASSES = 40, 12
FEWEST, MOST = 2, 1000


def bootstrap(fit: AnyFit, counts: Counts, *, n_boot: int = 50, seed: int = 0) -> Uncertainty:
    """Uncertainty by refitting weighted cells; see `bootstrap_iter`.

    Structure beyond the factors is tested and warned of as by `uncertainty`.
    """
    *_, last = bootstrap_iter(fit, counts, n_boot=n_boot, seed=seed)
    return completed(last.uncertainty, fit, counts)


def bootstrap_iter(
    fit: AnyFit, counts: Counts, *, n_boot: int = 50, seed: int = 0
) -> Iterator[UncertaintyProgress[Uncertainty]]:
    """Refit an LNM to weighted cells, yielding progress; to stop, cease pulling.

    Each replicate gives every cell a weight drawn from Exp(1), made 1 on average (Rubin 1981, Ann.
    Stat. 9), and climbs from the fit to its own optimum; after each but the first, the progress has
    the uncertainty from the replicates so far. Replicates of genes that the prior determines vary
    less than their posterior; so each replicate is moved as if the centre of the prior were drawn
    from it (`perturbed`). Unlike the delta method, the bootstrap includes effects of genes on each
    other, and cells that do not follow the model. It finds no other optimum than the one near the
    fit.

    Parameters
    ----------
    counts
        The cells of the fit; genes matched by name.
    n_boot
        Replicates, 2 to 1000; with 50, standard errors are mostly within 10 %.
    seed
        Seeds the generator of each replicate, with the replicate's number.

    Raises
    ------
    ConfigError
        If the fit is a topic model (`topic_bootstrap_iter` is for those), or a number is out of
        range.
    DataError
        If the counts lack genes of the fit, or no cell has counts of them.
    """
    if not fit.can("pair_uncertainty"):
        raise ConfigError("an LNM or LNMVCP", fit.model, "Use topic_bootstrap instead.")
    whole("n_boot", n_boot, FEWEST, MOST)
    whole("seed", seed, 0, 2**32 - 1)
    return _replicates(cast("Fit", fit), own_counts(fit, counts), n_boot, seed)


def cell_weights(n_cells: int, seed: int, replicate: int) -> np.ndarray:
    """(C,) weights of the cells in one replicate, 1 on average."""
    drawn = np.random.default_rng([seed, replicate]).standard_exponential(n_cells)
    return np.asarray(drawn / drawn.mean())


def _replicates(
    fit: Fit, counts: Counts, n_boot: int, seed: int
) -> Generator[UncertaintyProgress[Uncertainty], None, None]:
    keep_compilations()
    yield UncertaintyProgress(0.0)
    # The reference feature of the fit is the one without a residual.
    counts = replace(counts, reference=fit.reference)
    loadings: list[np.ndarray] = []
    noise: list[np.ndarray] = []
    cosines: list[np.ndarray] = []
    for number in range(n_boot):
        point = None
        steps = _refit(fit, counts, cell_weights(counts.n_cells, seed, number))
        for event in steps:
            if isinstance(event, float):
                yield UncertaintyProgress((number + event) / n_boot)
            else:
                point = event
        assert point is not None
        theta = perturbed(point, np.random.default_rng([seed, number, 1]))
        rotated, _ = principal_axes(theta[:, : point.n_factors], fit.is_gene)
        loadings.append(turned(rotated, fit.loadings).astype(np.float32))
        noise.append(np.where(point.has_noise, np.exp(theta[:, -1]), 0).astype(np.float32))
        cosines.append(paired(fit.loadings, rotated)[1])
        result = None
        if number:
            spread = Replicates(np.stack(loadings), np.stack(noise), np.stack(cosines))
            result = Uncertainty(
                fit.loadings, fit.noise, spread, fit.status.passes, structure_of(fit)
            )
        yield UncertaintyProgress((number + 1) / n_boot, result)


def perturbed(point: Point, rng: np.random.Generator) -> np.ndarray:
    """Parameters (G, k + p + 2) if the centre of each gene's prior were drawn from that prior.

    With H the information of the cells on a gene and P that of the prior, its optimum varies with
    the weights by ``(H + P)^-1 H (H + P)^-1``. Moved by ``(H + P)^-1 P x``, x ~ N(0, P^-1), it
    varies by ``(H + P)^-1``, as the posterior does (randomised maximum a posteriori: Bardsley et
    al. 2014, SIAM J. Sci. Comput. 36).
    """
    covariance, variance = Metric(point, cautious=False).variances()
    prior, theta = point.prior, point.theta.copy()
    root = np.linalg.cholesky(prior.loadings_precision)
    drawn = rng.standard_normal((len(theta), len(root))) @ root.T
    theta[:, : point.n_factors] += np.einsum("gij,gj->gi", covariance, drawn)
    step = variance / prior.noise_scale * rng.standard_normal(len(theta))
    return within(
        theta + step[:, None] * np.eye(theta.shape[1])[-1], point.has_noise, point.max_noise
    )


def _refit(fit: Fit, counts: Counts, weights: np.ndarray) -> Iterator[float | Point]:
    """Yield shares of the work done, and the points reached."""
    passes = 0
    for event in maximise(counts, fit.config, fit, weights):
        if isinstance(event, Step):
            yield event.point
            if passes >= _MOST_PASSES:
                return
            continue
        passes += event == 1.0
        yield min((passes + event) / _TYPICAL_PASSES, 0.95)
