"""Document completion: one score for every model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.data import Counts
from engine.data.thinning import thin
from engine.errors import ConfigError, DataError
from engine.inference import transform
from engine.inference.predict import predicted_proportions
from engine.results import AnyFit, Fit

_LEAST = 1e-30


@dataclass(frozen=True)
class Score:
    """How well half of the counts of some cells foretell the other half.

    Attributes
    ----------
    log_likelihood_per_count
        Mean of ``log E[rho_g | first half]`` over the counts of the second halves, nats.
    perplexity
        ``exp(-log_likelihood_per_count)``: the lower the better.
    log_marginal_per_cell
        Mean of log p(counts | total) of the whole cells, nats; None for LDA, which has no
        marginal in closed form.
    n_cells, n_left_out
        Cells scored, and cells without a count in one of their halves.
    n_features, n_counts
        Features of the fit, and counts in the second halves.
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def score(fit: AnyFit, counts: Counts, *, seed: int = 0) -> Score:
    """Score a fit on cells that it has not seen, by document completion.

    Each cell's counts are split in two by binomial thinning. The cell's proportions are
    predicted from one half, ``E[rho | half]``, and the other half is scored under them. The
    multinomial coefficient, which no model touches, is left out; so scores compare across
    models if features, cells and seed are the same.

    Parameters
    ----------
    counts
        Genes matched by name.
    seed
        Of the thinning.

    Raises
    ------
    DataError
        If the counts lack genes of the fit, or no cell has two counts of them to split.
    """
    counts = counts.matched(fit.genes)
    halves = thin(counts, seed)
    if halves.first.n_cells == 0:
        raise DataError(
            "cells with at least two counts of the fit's genes", "none", "Choose other cells."
        )
    total = 0.0
    for own, proportions in predicted_proportions(fit, halves.first):
        seen = halves.second.block(own.start, own.stop)
        total += float((seen * np.log(np.maximum(proportions, _LEAST))).sum(dtype=float))
    n_counts = float(halves.second.totals.sum())
    marginal = None
    if isinstance(fit, Fit):
        whole = transform(fit, counts.take(counts.totals > 0))
        marginal = float(np.mean(whole.log_marginal))
    return Score(
        model=fit.model,
        log_likelihood_per_count=total / n_counts,
        perplexity=float(np.exp(-total / n_counts)),
        log_marginal_per_cell=marginal,
        n_cells=halves.first.n_cells,
        n_left_out=halves.n_left_out,
        n_features=counts.n_genes,
        n_counts=int(n_counts),
        seed=seed,
    )


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
    order = np.random.default_rng([seed, 3]).permutation(counts.n_cells)
    size = min(max(round(share * counts.n_cells), 1), counts.n_cells - 1)
    return counts.take(np.sort(order[size:])), counts.take(np.sort(order[:size]))
