"""A discrepancy: a statistic of each gene that a check compares, its threshold, words and chart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.checks.predictive.check_settings import CheckSettings
from engine.checks.predictive.count_sums import Sums
from engine.results import AnyFit

Array = np.ndarray


@dataclass(frozen=True)
class Subject:
    """What was checked: the fit, by which settings, and the group of cells ("" for all)."""

    fit: AnyFit
    settings: CheckSettings
    group: str = ""

    @property
    def more(self) -> str:
        """Advice to take more latents."""
        fit = self.fit
        return f"raise the number of {fit.vocabulary.latents} (now {fit.n_factors})"


class Chart(NamedTuple):
    """How a discrepancy is drawn, a point a gene.

    Attributes
    ----------
    words, x, y
        Its title and those of its axes.
    against_mean
        Whether x is the observed mean, with vertical bands; else x is the predicted value.
    log
        Whether the axes x and y are logarithmic.
    key
        Name in choices and addresses; empty: that of the discrepancy.
    """

    words: str
    x: str
    y: str
    against_mean: bool = False
    log: tuple[bool, bool] = (False, False)
    key: str = ""


def one_cell(sums: Sums, values: Array) -> Array:
    """The grain of a share or mean over cells."""
    return np.asarray(1 / sums.n_cells)


def log_scale(values: Array) -> Array:
    """Logarithms of values of zero or more."""
    return np.log(values + 1e-12)


def spread(square: Array, total: Array, n: int) -> Array:
    """Variance from sums of squares and of values."""
    return np.maximum(square - total**2 / n, 0) / max(n - 1, 1)


@dataclass(frozen=True, kw_only=True)
class Discrepancy:
    """A statistic of each gene.

    Attributes
    ----------
    name
        Name in tables and files.
    words, short, shortest
        At the beginning of a sentence; in a list; and where there is little room.
    value
        (R, G) values of the data sets, from the sums over cells.
    own
        (b, R, G) counts of some cells -> (R, G), whose sum over all cells is ``sums.own[name]``:
        for statistics that the moments of `Sums` do not give.
    scale
        The scale on which observed and replicated values are compared.
    grain
        Step, on that scale, in which the statistic moves if one count of one cell changes.
    least_ratio, least_difference
        Least misfit that is reported: observed over predicted or the inverse, or their difference.
    of_spread
        Whether residual variances can raise too small a predicted value.
    advice
        What a misfit means and what to do about it, given whether too little is predicted.
    chart
        None without one.
    place
        Its rank among the others.
    """

    name: str
    words: str
    short: str
    shortest: str = ""
    value: Callable[[Sums], Array]
    own: Callable[[Array], Array] | None = None
    scale: Callable[[Array], Array] = np.asarray
    grain: Callable[[Sums, Array], Array] = one_cell
    least_ratio: float = 0
    least_difference: float = 0
    of_spread: bool = True
    advice: Callable[[bool, Subject], str]
    chart: Chart | None = None
    place: int = 9

    def large(self, observed: Array, predicted: Array) -> Array:
        """Whether misfits are large enough to be reported."""
        if self.least_difference:
            differ: Array = np.abs(observed - predicted) >= self.least_difference
            return differ
        # A little is added to each: values near zero have no stable ratio.
        ratio = np.abs(np.log((observed + 1e-3) / (predicted + 1e-3)))
        return np.asarray(ratio >= np.log(self.least_ratio))

    @property
    def threshold(self) -> str:
        """The least misfit that is large, in words."""
        least = f"{100 * (self.least_ratio - 1):.0f} %" if self.least_ratio else ""
        return f"{self.short} {least or self.least_difference}"
