"""Metric: the curvature of the log posterior, as the metric of the outer optimisation.

A block for each gene, and a part that couples the genes. The prior of the effects of covariates is
on ``b - W M``; M, optimal given W and b, follows them, so that all b can move along W at little
cost. With A the blocks at a given M, C the information on M and U the cross terms,

    H = A - U C^-1 U',    H^-1 = A^-1 + A^-1 U (C - U' A^-1 U)^-1 U' A^-1.

Without the coupling the optimisation is slow where a prior is narrow.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from engine.lnm.effects_prior import EffectsPrior
from engine.lnm.packing import unpack
from engine.lnm.point import Point

# The mean of a gene has a flat prior; this keeps its curvature above zero.
_RIDGE = 1e-3
# If M has more entries, those of random effects are taken as fixed.
_MOST_SHARED = 800
# Ridge relative to the largest information on M, against rounding.
_ROUNDING = 1e-9


class Metric:
    """Curvature gene by gene: a block for (w, b, m) and a number for log d.

    The block is the complete-data information at the posterior moments of z; log d has its
    expected information, or, near the optimum (``cautious``), the summed squared score
    where that is larger: genes whose distribution is not log-normal need it.
    """

    def __init__(self, point: Point, *, cautious: bool) -> None:
        prior, sums = point.prior, point.sums
        blocks = np.array(unpack(sums.curvature))
        self._size = size = point.n_factors
        blocks[:, :size, :size] += prior.loadings_precision
        ties = weighted = None
        if prior.effects is not None:
            of_factors = prior.effects.explained(point.loadings, point.effects)
            # (G, q, p): slope of each b - W M in (w, b, m).
            ties = np.zeros((len(blocks), blocks.shape[-1], of_factors.shape[1]))
            ties[:, :size] = -of_factors
            ties[:, np.arange(size, blocks.shape[-1] - 1), np.arange(ties.shape[-1])] = 1.0
            weighted = ties * prior.effects.precision(len(blocks))[:, None, :]
            blocks += weighted @ np.swapaxes(ties, 1, 2)
        self._ties = ties
        blocks[:, -1, -1] += _RIDGE
        self._blocks = blocks
        inverse = np.linalg.inv(blocks)
        self._inverse = (inverse + np.swapaxes(inverse, 1, 2)) / 2
        noise = np.maximum(sums.noise_expected, sums.noise_outer if cautious else 0.0)
        self._noise = noise + prior.noise_scale**-2
        self._loadings = point.loadings
        self._weighted, self._of_effects = weighted, prior.effects

    @cached_property
    def _shared(self) -> _Shared | None:
        """Computed on first use by a step: variances do not need it."""
        if self._of_effects is None or self._weighted is None or not self._size:
            return None
        return _Shared(self._of_effects, self._loadings, self._weighted, self._inverse)

    def solve(self, slope: np.ndarray) -> np.ndarray:
        """Newton step of every gene, with their coupling."""
        step = np.empty_like(slope)
        step[:, :-1] = (self._inverse @ slope[:, :-1, None])[..., 0]
        if self._shared is not None:
            step[:, :-1] += self._shared.further(slope[:, :-1])
        step[:, -1] = slope[:, -1] / self._noise
        return step

    def root_mean_square(self, step: np.ndarray) -> float:
        """Size of a step in posterior standard deviations of a parameter."""
        block = float(np.sum(step[:, :-1] * (self._blocks @ step[:, :-1, None])[..., 0]))
        if self._shared is not None:
            block = max(block - self._shared.free(step[:, :-1]), 0.0)
        return float(np.sqrt((block + (step[:, -1] ** 2 * self._noise).sum()) / step.size))

    def variances(self) -> tuple[np.ndarray, np.ndarray]:
        """Posterior covariances of the loadings (G, k, k) and variances of log d (G,)."""
        return self._inverse[:, : self._size, : self._size], 1 / self._noise

    def effects_variances(self) -> np.ndarray:
        """(G, p) posterior variances of R, the effects that the factors do not explain."""
        if self._ties is None:
            return np.zeros((len(self._blocks), 0))
        return np.asarray(((self._inverse @ self._ties) * self._ties).sum(1))


class _Shared:
    """The reduction of the curvature by M, which follows W and b.

    Parameters
    ----------
    weighted
        (G, q, p) slopes of b - W M, each times its precision.
    inverse
        (G, q, q) inverses of the blocks.
    """

    def __init__(
        self,
        prior: EffectsPrior,
        loadings: np.ndarray,
        weighted: np.ndarray,
        inverse: np.ndarray,
    ) -> None:
        size, count = loadings.shape[1], weighted.shape[-1]
        if size * count > _MOST_SHARED:
            count = len(prior.fixed)
        self._loadings, self._ties = loadings, weighted[:, :, :count]
        self._moved = inverse @ self._ties
        self._information = prior.information(loadings)[:count]
        of_genes = np.swapaxes(self._ties, 1, 2) @ self._moved
        pairs = (loadings[:, :, None] * loadings[:, None, :]).reshape(len(loadings), -1)
        # Column by column: threads of BLAS cost more than they save in products this small.
        taken = np.stack([of_genes[:, j].T @ pairs for j in range(count)])
        taken = taken.reshape(count, count, size, size).transpose(0, 2, 1, 3)
        whole = -taken.reshape(size * count, size * count)
        for j in range(count):
            own = slice(j * size, (j + 1) * size)
            whole[own, own] += self._information[j]
        largest = np.abs(self._information).max(initial=0.0)
        whole += _ROUNDING * largest * np.eye(len(whole))
        self._whole = lu_factor((whole + whole.T) / 2, check_finite=False)

    def further(self, slope: np.ndarray) -> np.ndarray:
        """(G, q) correction to add to the blocks' own step."""
        right = (slope[:, None, :] @ self._moved)[:, 0].T @ self._loadings
        solved = lu_solve(self._whole, right.ravel(), check_finite=False)
        of_factors = solved.reshape(right.shape)
        along = self._loadings @ of_factors.T
        return np.asarray((self._moved @ along[..., None])[..., 0])

    def free(self, step: np.ndarray) -> float:
        """Part of the blocks' squared size of a step (G, q) that M, which follows, removes."""
        along = (step[:, None, :] @ self._ties)[:, 0].T @ self._loadings
        solved = np.linalg.solve(self._information, along[:, :, None])[:, :, 0]
        return float((along * solved).sum())
