"""Document completion: one score for every model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.data import Counts
from engine.data.thinning import thin
from engine.errors import ConfigError, DataError
from engine.fitting.entry import expect
from engine.inference.predict import predicted_proportions
from engine.registry import family_of
from engine.results import AnyFit

_LEAST = 1e-30


@dataclass(frozen=True)
class Score:
    """How well half of the counts of some cells predict the other half.

    Attributes
    ----------
    log_likelihood_per_count
        Mean of ``log E[rho_g | first half]`` over the counts of the second halves, nats; for LDA by
        ``inference="em"``, rho is taken at the mode of the proportions.
    perplexity
        ``exp(-log_likelihood_per_count)``: the lower the better.
    log_marginal_per_cell
        Mean of log p(counts | total) of the whole cells, nats; None for LDA, which has no
        marginal in closed form.
    is_bound
        Whether that is only a lower bound, from an encoder without refinement.
    n_cells, n_left_out
        Cells scored, and cells without a count in one of their halves.
    n_features, n_counts
        Features of the fit, and counts in the second halves.
    seed
        Of the thinning.
    standard_error
        Of ``log_likelihood_per_count``, over cells; zero for a single one. It is the error of a
        score over other cells; two models scored on the same cells compare more precisely, see
        `CellScores`.
    """

    model: str
    log_likelihood_per_count: float
    perplexity: float
    log_marginal_per_cell: float | None
    n_cells: int
    n_left_out: int
    n_features: int
    n_counts: int
    seed: int
    standard_error: float
    is_bound: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class CellScores:
    """Contribution of each cell to a `Score`, for a comparison of two models cell by cell.

    Attributes
    ----------
    cells
        (n,) names of the cells scored.
    log_likelihood
        (n,) nats: ``sum_g v_g log E[rho_g | first half]``, v the second half of the cell's counts.
    n_counts
        (n,) counts of the second halves.
    """

    cells: np.ndarray
    log_likelihood: np.ndarray
    n_counts: np.ndarray


def score(fit: AnyFit, counts: Counts, *, seed: int = 0) -> Score:
    """The `Score` of `complete`, which lists the errors raised."""
    return complete(fit, counts, seed=seed)[0]


def complete(
    fit: AnyFit,
    counts: Counts,
    *,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[Score, CellScores]:
    """Score a fit on held-out cells, by document completion.

    Each cell's counts are split in two by binomial thinning. The cell's proportions are predicted
    from one half, ``E[rho | half]``, and the other half is scored under them. The multinomial
    coefficient, which is the same for all models, is left out; scores compare across models if
    features, cells and seed are the same.

    Parameters
    ----------
    counts
        Genes matched by name.
    seed
        Of the thinning.
    on_progress
        Called between blocks of cells with the share done; an exception that it raises ends the
        work.

    Raises
    ------
    DataError
        If the counts lack genes of the fit, or no cell has two counts of them to split.
    ConfigError
        If the seed is below zero.
    """
    expect(counts=counts)
    if seed < 0:
        raise ConfigError("a seed of zero or above", str(seed), "Change the seed.")
    counts = counts.matched(fit.genes, fit.gene_ids)
    cells, n_left_out = cell_scores(fit, counts, seed=seed, on_progress=on_progress)
    values, n_counts = cells.log_likelihood, cells.n_counts
    marginal, is_bound = None, False
    if fit.can("log_marginal"):
        marginal, is_bound = family_of(fit).marginal(fit, counts.take(counts.totals > 0))
    mean = float(values.sum() / n_counts.sum())
    result = Score(
        model=fit.model,
        log_likelihood_per_count=mean,
        perplexity=float(np.exp(-mean)),
        log_marginal_per_cell=marginal,
        n_cells=len(values),
        n_left_out=n_left_out,
        n_features=counts.n_genes,
        n_counts=int(n_counts.sum()),
        seed=seed,
        standard_error=ratio_error(values, n_counts),
        is_bound=is_bound,
    )
    return result, cells


def cell_scores(
    fit: AnyFit,
    counts: Counts,
    *,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[CellScores, int]:
    """Contribution of each cell to the score, and the number of cells left out.

    Parameters and errors as those of `complete`; the counts have the genes of the fit.
    """
    halves = thin(counts, seed)
    if halves.first.n_cells == 0:
        raise DataError(
            "cells with at least two counts of the fit's genes", "none", "Choose other cells."
        )
    n_cells = halves.first.n_cells
    values = np.zeros(n_cells)
    for own, proportions in predicted_proportions(fit, halves.first):
        second = halves.second.block(own.start, own.stop)
        values[own] = (second * np.log(np.maximum(proportions, _LEAST))).sum(1, dtype=float)
        if on_progress is not None:
            on_progress(own.stop / n_cells)
    names = halves.first.cells.to_numpy(str)
    return CellScores(names, values, halves.second.totals), halves.n_left_out


def ratio_error(values: np.ndarray, weights: np.ndarray) -> float:
    """Standard error of ``sum(values) / sum(weights)`` over n independent pairs; 0 if n is 1.

    Linearised: ``sqrt(n / (n - 1) sum_i (v_i - r w_i)^2) / sum(w)`` with r the ratio (Cochran,
    Sampling Techniques, 1977, section 6.4).
    """
    count = len(values)
    if count < 2:
        return 0.0
    rest = values - values.sum() / weights.sum() * weights
    return float(np.sqrt(count / (count - 1) * (rest**2).sum()) / weights.sum())


def set_aside(counts: Counts, share: float, seed: int) -> tuple[Counts, Counts]:
    """Cells to fit, and cells to score the fit on: drawn at random, both held in memory.

    Parameters
    ----------
    share
        Of the cells to set aside, above 0 and below 1; at least one cell, and not all.

    Raises
    ------
    ConfigError
        If the share is out of range or there are fewer than two cells.
    """
    if not 0 < share < 1:
        raise ConfigError(
            "a share of cells to hold out above 0 and below 1", f"{share:g}", "Change holdout."
        )
    if counts.n_cells < 2:
        raise ConfigError("at least two cells to hold some out", "one", "Use more cells.")
    fitted, held_out = drawn(counts.n_cells, share, seed)
    return counts.take(fitted), counts.take(held_out)


def drawn(n_cells: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the cells that `set_aside` fits, and of those that it scores."""
    order = np.random.default_rng([seed, 3]).permutation(n_cells)
    size = min(max(round(share * n_cells), 1), n_cells - 1)
    return np.sort(order[size:]), np.sort(order[:size])
