"""Fits without factors: the words that the page shows, and coordinates for their cells."""

from __future__ import annotations

import re

import numpy as np

from engine.results import AnyFit, selection_of

TITLES = "total counts (log10)", "log p of the counts (nats per count)"
NO_FINDING = "No correlation is a finding."


def is_bare(fit: AnyFit | None) -> bool:
    """Whether there is a fit, and it has no factor."""
    return fit is not None and fit.n_factors == 0


def bare_words(fit: AnyFit) -> str:
    """The reason why a fit has no factors."""
    selection = selection_of(fit)
    if selection is None:
        return "This fit has no factors, as was asked for."
    # With too few cells the reason begins otherwise: whether there are factors is unknown.
    reason = selection.reason
    return reason if reason.startswith("No factor") else f"This fit has no factors. {reason}"


def short_words(fit: AnyFit) -> str:
    """The first clause of `bare_words`."""
    return f"{re.split('[:.]', bare_words(fit))[0]}."


def by_counts(fit: AnyFit) -> np.ndarray:
    """(C, 2) coordinates of the cells of a fit without factors, as `TITLES` names them."""
    counts = np.maximum(fit.total_counts, 1)
    marginal = fit.cell_quantity("log_marginal")
    if marginal is None:
        marginal = np.zeros(len(counts))
    return np.column_stack([np.log10(counts), marginal / counts])
