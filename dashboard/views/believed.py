"""What is known of how far correlations can be believed, in numbers and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard import html, lists
from engine import summaries
from engine.checks import Uncertainty
from engine.results import AnyFit

METHODS = {"delta": "the delta method", "bootstrap": "the bootstrap"}


def certainty(fit: AnyFit, found: Any, genes: Sequence[str]) -> dict[str, np.ndarray] | None:
    """(n, n) standard errors, intervals and false sign rates of genes; None if not worked out."""
    if not isinstance(found, Uncertainty):
        return None
    return found.correlation(summaries.gene_positions(fit, genes))._asdict()


def interval(low: float, high: float) -> str:
    """A 90 % interval in words."""
    return f"{html.number(low, 2)} to {html.number(high, 2)}"


def sign_rate(lfsr: float) -> str:
    """A local false sign rate in words."""
    return "< 0.001" if lfsr < 0.001 else f"= {html.number(lfsr, 3)}"


def line(found: Any, doubting: str) -> str:
    """Which intervals there are, and what would give others: HTML."""
    if doubting:
        return f'<p class="quiet">Working out the intervals: {doubting}.</p>'
    if not isinstance(found, Uncertainty):
        press = lists.press("doubt", "delta", "Work them out", kind="act")
        return f'<p class="quiet">No intervals yet. {press}</p>'
    how = METHODS[found.method]
    if found.method == "bootstrap":
        return f'<p class="quiet">90 % intervals by {how}, {found.n_boot} replicates.</p>'
    press = lists.press("doubt", "bootstrap", "Refit weighted cells instead", kind="act")
    return f'<p class="quiet">90 % intervals by {how}. {press}</p>'
