"""Standard errors of CLR correlations by the delta method.

With ``u = w / s``, s the CLR standard deviation, a correlation changes by
``g_i = (u_j - rho u_i) / s_i`` along w_i, by ``2 u_i'A u_j - rho (u_i'A u_i + u_j'A u_j)`` where W
becomes ``W (I + A)``, and with d through the variances (see `engine.summaries.correlation`). CLR
centres the loadings, ``w_g - mean(w)``, so that each contains a small part of all: with covariances
V_g of w_g and S their sum, ``cov(w_i, w_j) = delta_ij V_i - (V_i + V_j)/G + S/G^2``. One term of
second order is kept, ``tr(P_i V_i P_i P_j V_j P_j) / (s_i s_j)^2`` with ``P_g = I - u_g u_g'``: the
leading one where both loadings are small.

The sign is judged by the covariance over its own error, by the same formulae with both scales fixed
(``rho = 0`` and ``P = I``). A correlation near 1, as all are with one factor and no residuals, has
a small error, and a large one of Fisher's z, whether or not its sign is certain; so an interval of
z is made to include 0 where the sign is uncertain, and only there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from engine.checks.uncertainty.gene_blocks import GeneBlocks, bilinear

LARGEST = 1 - 1e-9
# Upper end of a 90 % interval.
_UPPER = 0.95
# A correlation this small equals its z.
_TINY = 1e-6
# Standard errors from zero between which tails of t are matched by those of a normal.
_NEAREST, _FARTHEST = 1e-3, 30.0
# Elements of the gradients of a block of pairs.
_MOST_ELEMENTS = 2**22


class Estimates(NamedTuple):
    """Estimates of each pair of n genes by itself, (n, n) and symmetric.

    Attributes
    ----------
    correlation
        As by `engine.summaries.clr_correlation`.
    standard_error, fisher_error
        Of the correlation, and of its Fisher z = artanh(rho); infinite where a gene does not vary.
        That of z is the error of a normal with the same tail beyond zero as the estimate.
    low, high
        90 % interval, symmetric on the scale of z.
    tail
        Probability of the other sign under a flat prior: at most 1/2.
    """

    correlation: np.ndarray
    standard_error: np.ndarray
    fisher_error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    tail: np.ndarray


class Moments(NamedTuple):
    """What determines correlations of some genes: (n, k) loadings, (n,) d, (n,) CLR variances.

    ``total`` is the sum of d over all ``features``.
    """

    loadings: np.ndarray
    noise: np.ndarray
    variance: np.ndarray
    total: np.ndarray
    features: int

    @classmethod
    def of(cls, loadings: np.ndarray, noise: np.ndarray, genes: np.ndarray) -> Moments:
        """Moments of genes at positions, from (..., G, k) loadings and (..., G) d."""
        count = noise.shape[-1]
        total = noise.sum(-1)[..., None]
        own, d = loadings[..., genes, :], noise[..., genes]
        variance = (own**2).sum(-1) + d * (1 - 2 / count) + total / count**2
        return cls(own, d, variance, total, count)

    def correlation(self, rows: slice = slice(None)) -> np.ndarray:
        """(..., n, n) correlations or rows of them; 0 for a gene that does not vary."""
        correlation = self.loadings[..., rows, :] @ np.swapaxes(self.loadings, -1, -2)
        correlation -= (self.noise[..., rows, None] + self.noise[..., None, :]) / self.features
        correlation += (self.total / self.features**2)[..., None]
        scale = np.sqrt(np.where(self.variance > 0, self.variance, np.inf))
        correlation /= scale[..., rows, None] * scale[..., None, :]
        return np.asarray(np.clip(correlation, -1, 1))


def by_closure(variance: np.ndarray) -> np.ndarray:
    """(G, G) CLR correlations of independent features with these CLR variances (G,).

    With their own variances v, and V the sum of v: ``Var_i = v_i (1 - 2/G) + V/G^2`` and
    ``Cov_ij = V/G^2 - (v_i + v_j)/G``.
    """
    count = len(variance)
    if count < 3:
        return 2 * np.eye(count) - 1
    total = variance.sum() / (1 - 1 / count)
    own = np.maximum(variance - total / count**2, 0) / (1 - 2 / count)
    correlation = own.sum() / count**2 - (own[:, None] + own) / count
    scale = np.sqrt(np.where(variance > 0, variance, np.inf))
    correlation = np.clip(correlation / np.outer(scale, scale), -1, 1)
    np.fill_diagonal(correlation, 1)
    return np.asarray(correlation)


def reach(error: np.ndarray, freedom: float = np.inf) -> np.ndarray:
    """Half of a 90 % interval, by Student's t, which is wider if errors are from few replicates."""
    return np.asarray(special.stdtrit(freedom, _UPPER) * error)


def as_normal(value: np.ndarray, error: np.ndarray, freedom: float) -> np.ndarray:
    """Standard errors of a normal with the same tail beyond zero as Student's t with ``error``."""
    if np.isinf(freedom):
        return error
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.minimum(np.abs(value) / error, _FARTHEST)
        normal = far / -special.ndtri(special.stdtr(freedom, -far))
    return np.where(far > _NEAREST, error * normal, error * (1 + 0.25 / freedom))


def assemble(
    correlation: np.ndarray,
    fisher_error: np.ndarray,
    sure: np.ndarray | None = None,
    freedom: float = np.inf,
) -> Estimates:
    """Estimates from correlations and the errors of their Fisher z, with degrees of freedom.

    ``sure`` is the distance of each correlation from zero in standard errors; by default of z.
    """
    np.fill_diagonal(correlation, 1)
    np.fill_diagonal(fisher_error, 0)
    z = np.arctanh(np.clip(correlation, -LARGEST, LARGEST))
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = np.abs(z) / fisher_error if sure is None else sure
    tail = special.stdtr(freedom, -np.where(np.isnan(sure), 0, sure))
    np.fill_diagonal(tail, 0)
    half = reach(fisher_error, freedom)
    low, high = np.tanh(z - half), np.tanh(z + half)
    np.fill_diagonal(low, 1)
    np.fill_diagonal(high, 1)
    # At least the error from the uncertain sign alone.
    error = np.fmax(
        fisher_error * (1 - np.minimum(correlation**2, LARGEST)),
        2 * np.abs(correlation) * np.sqrt(tail * (1 - tail)),
    )
    return Estimates(correlation, error, as_normal(z, fisher_error, freedom), low, high, tail)


def widened(own: Estimates, missed: np.ndarray | float) -> Estimates:
    """Estimates whose errors contain the correlation that factors leave out.

    ``missed``, of all pairs or of each (n, n), is an error of the correlation. The error of
    Fisher's z has the same ratio to z, so that the sign is equally uncertain on both scales.
    """
    if not np.any(missed):
        return own
    z, low, high = (
        np.arctanh(np.clip(one, -LARGEST, LARGEST)) for one in (own.correlation, own.low, own.high)
    )
    size = np.maximum(np.abs(own.correlation), _TINY)
    error = missed * np.arctanh(np.minimum(size, LARGEST)) / size
    half = reach(error)
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = special.ndtr(-1 / np.hypot(1 / special.ndtri(own.tail), missed / size))
    wider = own._replace(
        standard_error=np.hypot(own.standard_error, missed),
        fisher_error=np.hypot(own.fisher_error, error),
        low=np.minimum(own.low, np.tanh(z - np.hypot(z - low, half))),
        high=np.maximum(own.high, np.tanh(z + np.hypot(high - z, half))),
        tail=np.where(np.isnan(tail), 0.5, tail),
    )
    for table, of_itself in zip(wider[1:], (0, 0, 1, 1, 0), strict=True):
        np.fill_diagonal(table, of_itself)
    return wider


def delta(
    loadings: np.ndarray, noise: np.ndarray, blocks: GeneBlocks, genes: np.ndarray
) -> Estimates:
    """Estimates of genes at positions."""
    moments = Moments.of(loadings, noise, genes)
    correlation = moments.correlation()
    root = _root(blocks.common)
    rows = max(1, _MOST_ELEMENTS // max(1, len(genes) * len(root)))
    spread = noise**2 * blocks.log_noise
    parts = [
        [
            _variance(moments, rho, blocks, genes, (root, spread), slice(start, start + rows))
            for rho in (correlation, None)
        ]
        for start in range(0, len(genes), rows)
    ]
    variance, of_covariance = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0, 0))
    error = np.sqrt(variance) / (1 - np.minimum(correlation**2, LARGEST))
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = np.abs(correlation) / np.sqrt(of_covariance)
        z = np.arctanh(np.minimum(np.abs(correlation), LARGEST))
        cautious = np.fmax(error, z / sure)
    enough = special.ndtri(_UPPER)
    error = np.where(sure > enough, np.fmin(error, z / enough), cautious)
    return assemble(correlation, error, sure)


def _variance(
    moments: Moments,
    correlation: np.ndarray | None,
    blocks: GeneBlocks,
    genes: np.ndarray,
    shared: tuple[np.ndarray, np.ndarray],
    rows: slice,
) -> np.ndarray:
    """(r, n) variances of the correlations of some rows of the table.

    ``shared`` has a root of the common covariance, and the variances of all d. Without
    ``correlation``, the variances are those of covariances over both scales.
    """
    root, noise_variance = shared
    count = moments.features
    rho = np.zeros((len(genes), len(genes)))[rows] if correlation is None else correlation[rows]
    scale = np.sqrt(moments.variance)
    u = moments.loadings / np.where(scale > 0, scale, np.inf)[:, None]
    covariance = blocks.loadings[genes]
    whole = blocks.loadings.sum(0)
    centred = covariance * (1 - 2 / count) + whole / count**2
    with np.errstate(divide="ignore", invalid="ignore"):
        # Gradients by the loadings of the row's gene and of the column's: (r, n, k).
        along = (u[None] - rho[..., None] * u[rows][:, None]) / scale[rows][:, None, None]
        across = (u[rows][:, None] - rho[..., None] * u[None]) / scale[None, :, None]
        variance = ((along @ centred[rows]) * along).sum(-1)
        turned = np.swapaxes(across, 0, 1)
        variance += ((turned @ centred) * turned).sum(-1).T
        mixed = ((along @ whole) * across).sum(-1) / count
        mixed -= ((along @ covariance[rows]) * across).sum(-1)
        mixed -= ((turned @ covariance) * np.swapaxes(along, 0, 1)).sum(-1).T
        variance += 2 / count * mixed
        # Second order: the product of two small loadings varies though its gradient is small.
        relative = covariance / moments.variance[:, None, None]
        if correlation is not None:
            # A change along a gene's own loadings does not change their direction.
            turning = np.eye(u.shape[1]) - u[:, :, None] * u[:, None]
            relative = turning @ relative @ turning
        relative = relative.reshape(len(genes), -1)
        variance += relative[rows] @ relative.T
        variance += _of_noise(moments, rho, genes, noise_variance, rows)
    variance += _of_common(u, rho, root, rows)
    return np.where(np.isfinite(variance), variance, np.inf)


def _of_noise(
    moments: Moments, rho: np.ndarray, genes: np.ndarray, spread: np.ndarray, rows: slice
) -> np.ndarray:
    """Part of d, with variances (G,): of both genes, and of others through the sum over all."""
    count, variance = moments.features, moments.variance
    whole, spread = spread.sum(), spread[genes]
    mean = 1 / count
    pair = 1 / np.sqrt(np.outer(variance[rows], variance))
    left, right = 0.5 * rho / variance[rows][:, None], 0.5 * rho / variance[None]
    shared = mean**2 * (pair - left - right)
    of_row = shared - mean * pair - (1 - 2 * mean) * left
    of_column = shared - mean * pair - (1 - 2 * mean) * right
    left, right = spread[rows][:, None], spread[None]
    others = whole - left - right
    return np.asarray(of_row**2 * left + of_column**2 * right + shared**2 * others)


def _of_common(u: np.ndarray, rho: np.ndarray, root: np.ndarray, rows: slice) -> np.ndarray:
    own = bilinear(u, u) @ root
    mine = own[rows]
    pairs = bilinear(u[rows][:, None], u[None]) @ root
    pairs *= 2
    pairs -= rho[..., None] * (mine[:, None] + own[None])
    return np.asarray((pairs**2).sum(-1))


def loadings_variance(loadings: np.ndarray, blocks: GeneBlocks) -> np.ndarray:
    """(G, k) variances of the CLR loadings along fixed axes."""
    count, size = loadings.shape
    own = np.einsum("gii->gi", blocks.loadings)
    variance = own * (1 - 2 / count) + own.sum(0) / count**2
    root = _root(blocks.common)
    for axis, unit in enumerate(np.eye(size)):
        variance[:, axis] += ((bilinear(loadings, unit[None]) @ root) ** 2).sum(-1)
    return np.asarray(variance)


def _root(covariance: np.ndarray) -> np.ndarray:
    """R with ``R R'`` the covariance, whose eigenvalues rounding may make slightly negative."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))
