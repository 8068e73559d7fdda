"""Fits without factors: what is said of them, and where their cells are drawn."""

from __future__ import annotations

import numpy as np

from engine.results import AnyFit, Fit, selection_of

TITLES = "total counts (log10)", "log p of the counts (nats per count)"
NO_FINDING = "No correlation is a finding."


def is_bare(fit: AnyFit | None) -> bool:
    """Whether there is a fit, without a single factor."""
    return fit is not None and fit.n_factors == 0


def bare_words(fit: AnyFit) -> str:
    """Why a fit has no factors."""
    chosen = selection_of(fit)
    return chosen.reason if chosen is not None else "This fit has no factors, as was asked for."


def by_counts(fit: AnyFit) -> np.ndarray:
    """(C, 2) coordinates of cells that no factor sets apart, see `TITLES`."""
    counts = np.maximum(fit.total_counts, 1)
    marginal = fit.log_marginal if isinstance(fit, Fit) else np.zeros(len(counts))
    return np.column_stack([np.log10(counts), marginal / counts])
