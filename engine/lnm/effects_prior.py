"""Priors of the effects of covariates, their scales learned from all genes (empirical Bayes).

    B = W M + R
    r_gj ~ N(0, tau_j^2)                    fixed columns;  M ~ N(0, 50 tau_j^2)
    r_gl ~ N(0, tau_gt^2)                   levels of a random term t;  M ~ N(0, tau_M^2)
    tau_gt^2 ~ scaled inverse chi^2(nu_t, tau_t^2)

The part of an effect that the factors can explain, W M, is hardly shrunk: otherwise the scores
would absorb what the prior removes from the effect. With an almost flat prior of M, the scores at
the optimum have no covariance with the fixed columns: the factors explain none of the design.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.fitting.variances import variances_prior
from engine.lnm.design import Design

_START = 0.5
# Lower bound of all variances.
_LEAST = 1e-5
# Relative precision of M in fixed columns: almost flat where loadings are real, but a factor with
# hardly any loadings does not absorb an effect.
_FLAT = 0.02
# Ridge of the information on M, against rounding.
_RIDGE = 1e-6


@dataclass(frozen=True, eq=False)
class EffectsPrior:
    """Prior variances of the effects: of R, which the factors do not explain, and of M.

    Attributes
    ----------
    fixed
        (f,) variances of R in the fixed columns, which come first.
    random
        (G, t) variances of R for each gene and random term.
    terms
        (p - f,) term of each random column.
    freedom, location
        (t,) nu and tau^2 of the random terms' variances.
    of_factors
        (t,) variances of M in the random columns.
    """

    fixed: np.ndarray
    random: np.ndarray
    terms: np.ndarray
    freedom: np.ndarray
    location: np.ndarray
    of_factors: np.ndarray

    @classmethod
    def start(cls, design: Design, n_genes: int) -> EffectsPrior:
        """Initial values."""
        terms = design.random_terms
        count = int(terms.max()) + 1 if len(terms) else 0
        return cls(
            np.full(design.n_fixed, _START**2),
            np.full((n_genes, count), _START**2),
            terms,
            np.full(count, 4.0),
            np.full(count, _START**2),
            np.ones(count),
        )

    def precision(self, n_genes: int) -> np.ndarray:
        """(G, p) inverse variances of R."""
        fixed = np.broadcast_to(1 / self.fixed, (n_genes, len(self.fixed)))
        return np.concatenate([fixed, 1 / self.random[:, self.terms]], axis=1)

    def explained(self, loadings: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """M (k, p), the most probable given loadings (G, k) and effects (G, p)."""
        return self._of_factors(loadings, effects)[0]

    def _of_factors(
        self, loadings: np.ndarray, effects: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """M (k, p) and the trace (p,) of the covariance of each of its columns."""
        precision = self.precision(len(loadings))
        size, count = loadings.shape[1], effects.shape[1]
        inverse = np.linalg.inv(self.information(loadings))
        right = (precision * effects).T @ loadings
        mode = np.einsum("pij,pj->ip", inverse, right).reshape(size, count)
        return mode, np.trace(inverse, axis1=1, axis2=2)

    def information(self, loadings: np.ndarray) -> np.ndarray:
        """(p, k, k) information on each column of M, given effects and loadings (G, k)."""
        size = loadings.shape[1]
        # Columns with the same prior share it.
        of_fixed = (loadings.T @ loadings) / self.fixed[:, None, None]
        # Without factors the array is empty, and -1 for the number of terms would be ambiguous.
        shape = (self.random.shape[1], size, size)
        of_terms = np.reshape([(loadings.T / own) @ loadings for own in self.random.T], shape)
        weighted = np.concatenate([of_fixed, of_terms[self.terms]])
        own = self.of_factors_precision()
        trace = np.trace(weighted, axis1=1, axis2=2)
        ridge = own + _RIDGE * np.maximum(trace, 1.0)
        return np.asarray(weighted + ridge[:, None, None] * np.eye(size))

    def log_density(self, loadings: np.ndarray, effects: np.ndarray) -> float:
        """Log prior density of the effects (G, p) at the most probable M, up to a constant."""
        of_factors = self.explained(loadings, effects)
        left = effects - loadings @ of_factors
        precision = self.precision(len(loadings))
        value = -0.5 * (precision * left**2).sum() + 0.5 * np.log(precision).sum()
        return float(value - 0.5 * (self.of_factors_precision() * of_factors**2).sum())

    def of_factors_precision(self) -> np.ndarray:
        """(p,) inverse variances of M."""
        return np.concatenate([_FLAT / self.fixed, 1 / self.of_factors[self.terms]])

    def slopes(self, loadings: np.ndarray, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slopes of `log_density` in loadings (G, k) and effects (G, p), with M at its optimum."""
        of_factors = self.explained(loadings, effects)
        pull = self.precision(len(loadings)) * (effects - loadings @ of_factors)
        return pull @ of_factors.T, -pull

    def learn(
        self, loadings: np.ndarray, effects: np.ndarray, variances: np.ndarray
    ) -> EffectsPrior:
        """One EM step.

        Parameters
        ----------
        loadings, effects
            (G, k) and (G, p) posterior modes.
        variances
            (G, p) posterior variances of R.
        """
        of_factors, spread = self._of_factors(loadings, effects)
        squares = (effects - loadings @ of_factors) ** 2 + variances
        fixed, count = len(self.fixed), len(self.freedom)
        learned = replace(self, fixed=np.maximum(squares[:, :fixed].mean(0), _LEAST))
        if not count:
            return learned
        random, size = np.empty_like(self.random), loadings.shape[1]
        freedom, location, factors = (np.empty(count) for _ in range(3))
        for term in range(count):
            own = fixed + np.flatnonzero(self.terms == term)
            observed = np.maximum(squares[:, own].mean(1), _LEAST)
            freedom[term], location[term] = variances_prior(observed, len(own))
            total = freedom[term] * location[term] + len(own) * observed
            random[:, term] = total / (freedom[term] + len(own))
            known = (of_factors[:, own] ** 2).sum() + spread[own].sum()
            factors[term] = max(known / max(size * len(own), 1), _LEAST)
        return replace(
            learned, random=random, freedom=freedom, location=location, of_factors=factors
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return {name: np.asarray(array).tolist() for name, array in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EffectsPrior:
        """The inverse of `to_dict`."""
        terms = np.asarray(values["terms"], dtype=int)
        count = len(values["freedom"])
        arrays = {
            name: np.asarray(values[name], dtype=float)
            for name in ("fixed", "freedom", "location", "of_factors")
        }
        random = np.asarray(values["random"], dtype=float).reshape(len(values["random"]), count)
        return cls(random=random, terms=terms, **arrays)
