"""What a check compares of each gene: a statistic, its threshold, its words and its chart."""

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
    """What was checked: the fit, how, and what a group of its cells is called ("" for all)."""

    fit: AnyFit
    settings: CheckSettings
    group: str = ""

    @property
    def more(self) -> str:
        """To have more latents, as advice."""
        fit = self.fit
        return f"raise the number of {fit.vocabulary.latents} (now {fit.n_factors})"


class Chart(NamedTuple):
    """How a discrepancy is drawn, a point a gene.

    Attributes
    ----------
    words, x, y
        Its title and those of its axes.
    against_mean
        The observed mean is across, and bands stand upright; else what is predicted is across.
    log
        Whether the axes x and y are logarithmic.
    key
        As choices and addresses name it; empty: as the discrepancy.
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
        As tables and files have it.
    words, short, shortest
        At the beginning of a sentence; in a list; and where there is little room.
    value
        (R, G) values of the data sets, from the sums over cells.
    own
        (b, R, G) counts of some cells -> (R, G), whose sum over all cells is ``sums.own[name]``:
        of a statistic that the moments of `Sums` do not give.
    scale
        That on which observed and replicated values are compared.
    grain
        Step, on that scale, in which the statistic moves if one count of one cell changes.
    least_ratio, least_difference
        Misfits that are large enough to speak of: observed over predicted or the inverse, or their
        difference.
    of_spread
        Whether too small a value can be mended by residual variances.
    advice
        What a misfit means and what to do about it, given whether too little is predicted.
    chart
        None: it has none.
    place
        Its place among the others.
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
        # As if each had a little more: what is hardly ever counted has no ratio.
        ratio = np.abs(np.log((observed + 1e-3) / (predicted + 1e-3)))
        return np.asarray(ratio >= np.log(self.least_ratio))

    @property
    def threshold(self) -> str:
        """From where a misfit is large, in words."""
        least = f"{100 * (self.least_ratio - 1):.0f} %" if self.least_ratio else ""
        return f"{self.short} {least or self.least_difference}"
