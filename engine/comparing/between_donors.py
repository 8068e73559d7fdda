"""Correlations of two groups of donors, one fit a donor: a random-effects mean on Fisher's scale.

    z_d ~ N(theta_g, s_d^2 + tau^2),   d a donor of group g,   s_d by the fit of its cells

tau^2 is shared by all pairs of genes, and such that the mean over pairs of

    phi = sum_d w_d (z_d - theta_g)^2 / freedom,   w_d = 1 / (s_d^2 + tau^2)

is one. phi measures how far donors differ in a pair. It is moderated over pairs (Smyth 2004), and
the error of theta_g is sqrt(phi / sum w): Hartung & Knapp (2001), A refined method for the
meta-analysis of controlled clinical trials with binary outcome, Statist. Med. 20.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from engine.checks.uncertainty import Uncertainty
from engine.checks.uncertainty.delta_method import LARGEST, as_normal
from engine.comparing.differential import Compared, some_genes
from engine.fitting.variances import variances_prior

_MOST_VARIANCE = 25.0


class _Sides(NamedTuple):
    """z and s^2 of each pair, (D, n) and (E, n): of the donors of either group."""

    z: tuple[np.ndarray, np.ndarray]
    variance: tuple[np.ndarray, np.ndarray]


class _Shared(NamedTuple):
    """Values for all pairs: tau^2, and prior degrees of freedom and location of phi."""

    between: float
    freedom: float
    location: float


@dataclass(frozen=True, eq=False)
class BetweenDonors:
    """Estimates of `Differential`.

    Attributes
    ----------
    one, other
        Uncertainty of the fits of each group, one a donor, of the same genes in the same order; if
        ``paired``, of the same donors in the same order.
    tested
        Whether there are enough donors for errors.
    """

    one: tuple[Uncertainty, ...]
    other: tuple[Uncertainty, ...]
    paired: bool
    tested: bool = True

    def __call__(self, genes: np.ndarray) -> Compared:
        """Estimates of genes at positions."""
        upper = np.triu_indices(len(genes), 1)
        sides = self._sides(genes)
        shared = self._shared if self.tested else _Shared(0.0, 1.0, 1.0)
        means = [_mean(z, s, shared.between) for z, s in zip(*sides, strict=True)]
        groups = self._groups(sides)
        centres = [_mean(z, s, shared.between) for z, s in groups]
        change = centres[0] if self.paired else centres[0] - centres[1]
        error = np.full_like(change, np.nan)
        if self.tested:
            left = self._freedom
            phi = _spread(groups, shared.between, left)
            phi = (shared.freedom * shared.location + left * phi) / (shared.freedom + left)
            known = [1 / _weights(s, shared.between).sum(0) for _, s in groups]
            error = np.sqrt(phi * np.sum(known, axis=0))
            error = as_normal(change, error, shared.freedom + left)
        tables = []
        for values, of_itself in (*((np.tanh(mean), 1.0) for mean in means), (change, 0.0)):
            table = np.full((len(genes),) * 2, of_itself)
            table[upper] = table.T[upper] = values
            tables.append(table)
        whole = np.zeros((len(genes),) * 2)
        whole[upper] = whole.T[upper] = error
        return Compared(tables[0], tables[1], tables[2], whole)

    @property
    def _freedom(self) -> int:
        return len(self.one) - 1 if self.paired else len(self.one) + len(self.other) - 2

    def _sides(self, genes: np.ndarray) -> _Sides:
        upper = np.triu_indices(len(genes), 1)
        sides = []
        for fits in (self.one, self.other):
            each = [fit.estimates(genes) for fit in fits]
            z = [np.arctanh(np.clip(e.correlation[upper], -LARGEST, LARGEST)) for e in each]
            sides.append((np.array(z), np.array([e.fisher_error[upper] ** 2 for e in each])))
        (z_a, s_a), (z_b, s_b) = sides
        return _Sides((z_a, z_b), (s_a, s_b))

    def _groups(self, sides: _Sides) -> list[tuple[np.ndarray, np.ndarray]]:
        """The z and s^2 of both groups, or of the differences within donors."""
        if self.paired:
            return [(sides.z[0] - sides.z[1], sides.variance[0] + sides.variance[1])]
        return list(zip(*sides, strict=True))

    @cached_property
    def _shared(self) -> _Shared:
        groups = self._groups(self._sides(some_genes(len(self.one[0].centre))))
        left = self._freedom

        def beyond(between: float) -> float:
            return float(np.nanmean(_spread(groups, between, left))) - 1

        if beyond(0.0) <= 0:
            between = 0.0
        else:
            between = (
                float(brentq(beyond, 0.0, _MOST_VARIANCE)) if beyond(_MOST_VARIANCE) < 0 else 0
            )
        phi = _spread(groups, between, left)
        return _Shared(between, *variances_prior(phi[phi > 0], left))


def _weights(variance: np.ndarray, between: float) -> np.ndarray:
    return np.asarray(1 / np.maximum(variance + between, np.finfo(float).tiny))


def _mean(z: np.ndarray, variance: np.ndarray, between: float) -> np.ndarray:
    """(n,) weighted means of (D, n); plain means of pairs that no donor has weight for."""
    weights = _weights(variance, between)
    whole = weights.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, (weights * z).sum(0) / whole, z.mean(0))


def _spread(
    groups: list[tuple[np.ndarray, np.ndarray]], between: float, freedom: int
) -> np.ndarray:
    """(n,) phi."""
    squares = [(_weights(s, between) * (z - _mean(z, s, between)) ** 2).sum(0) for z, s in groups]
    return np.asarray(np.sum(squares, axis=0) / freedom)
