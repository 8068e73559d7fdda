"""Residuals of genes in single cells at their posterior modes, given the factor scores.

Given z and the cell's log intensity a, the genes of a cell separate (see
`engine.lnm.residual`). With ``x_g = mu_g + w_g'z + a``, the residual maximises

    u_g e - exp(x_g + e) - e^2 / (2 d_g),
    e = d_g u_g - t,   t = omega(log d_g + x_g + d_g u_g),   posterior variance d_g / (1 + t)

The model's a is where expected counts add up to the cell's total, ``sum_g E[exp(x_g + e)] = N``,
with ``E[exp(x + e)] = t/d + t / (2 (1 + t)^2)`` up to terms of third order. All in NumPy: nothing
is compiled, and the page need not wait for a fit that occupies the device.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.special import wrightomega

from engine.errors import DataError
from engine.fitting.summarised import CellResiduals
from engine.lnm.arrays import FactorArrays
from engine.lnm.covariates import own_covariates
from engine.lnm.residual import LOG_NO_NOISE

# Elements at a time, few enough for the processor's cache.
_BLOCK = 32_768
# Newton steps for log a; the error is squared at each, and starts near 0.1.
_STEPS = 2


def residuals(
    fit: FactorArrays,
    counts: sparse.csc_matrix | sparse.csr_matrix,
    cells: np.ndarray,
    genes: np.ndarray,
) -> CellResiduals:
    """Residuals at positions of cells and genes, at a cost of O(cells G).

    Raises
    ------
    DataError
        If the counts are not those of the fit's cells and features.
    """
    shape = (len(fit.cells), len(fit.genes))
    if counts.shape != shape:
        raise DataError(
            f"counts of {shape[0]:,} cells x {shape[1]:,} features",
            f"{counts.shape[0]:,} x {counts.shape[1]:,}",
            "Give the counts that were fitted, the pooled rest included.",
        )
    rows = counts[cells].tocsr()
    model = _Model(fit)
    outputs = [np.empty((len(cells), len(genes)), np.float32) for _ in range(3)]
    size = max(_BLOCK // shape[1], 1)
    for start in range(0, len(cells), size):
        block = slice(start, start + size)
        dense = rows[block].toarray().astype(np.float32, copy=False)
        for out, part in zip(outputs, model.block(cells[block], dense, genes), strict=True):
            out[block] = part
    return CellResiduals(*outputs)


class _Model:
    """The parameters in single precision, as blocks need them."""

    def __init__(self, fit: FactorArrays) -> None:
        self.scores = fit.scores
        self.covariates, self.effects = own_covariates(fit), fit.effects.T.astype(np.float32)
        self.loadings = fit.loadings.T.astype(np.float32)
        self.mean = fit.mean_clr.astype(np.float32)
        self.noise = np.maximum(fit.noise, np.exp(LOG_NO_NOISE)).astype(np.float32)
        self.log_noise = np.log(self.noise)
        self.spread = float(fit.noise.sum()) / len(fit.noise)

    def block(
        self, cells: np.ndarray, counts: np.ndarray, genes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n_features = counts.shape[1]
        x = self.scores[cells].astype(np.float32) @ self.loadings + self.mean
        if self.covariates is not None:
            x += self.covariates[cells] @ self.effects
        argument = x + self.log_noise + counts * self.noise
        # A cell without counts gets a tiny total: its residuals are then those of the prior.
        total = np.log(np.maximum(counts.sum(1, dtype=np.float64), 1e-3))
        intensity = total - np.log(np.exp(x + 0.5 * self.noise).sum(1, dtype=np.float64))
        for _ in range(_STEPS):
            t = omega(argument + intensity.astype(np.float32)[:, None])
            weight = 1 / (1 + t)
            slope = (t * weight) @ (1 / self.noise)
            expected = t @ (1 / self.noise) + 0.5 * np.einsum("cg,cg,cg->c", t, weight, weight)
            step = (total - np.log(expected)) * expected / slope
            intensity += step
        # The mean residual after the last step, to first order in it.
        mean = (counts @ self.noise - t.sum(1) - step * (t * weight).sum(1)) / n_features
        noise, log_noise, present = self.noise[genes], self.log_noise[genes], counts[:, genes]
        x = x[:, genes] + intensity[:, None]
        t = wrightomega(x + log_noise + noise * present)
        # Both are the same number; with many counts the difference cancels, with few the logarithm.
        mode = np.where(t > 1, np.log(t) - log_noise - x, noise * present - t)
        shrinkage = 1 / (1 + t)
        # Var(e_g - mean e), with the prior's variance for the many other features.
        variance = noise * shrinkage * (1 - 2 / n_features) + self.spread / n_features
        return mode - mean[:, None], variance, shrinkage


def omega(y: np.ndarray) -> np.ndarray:
    """Wright's omega, single precision: `engine.lnm.wright_omega` for NumPy, at less cost."""
    y = np.maximum(y, np.float32(-80))
    small = np.exp(np.minimum(y, 1))
    value = small * (60 + small * (114 + 17 * small)) / (60 + small * (174 + 101 * small))
    # Few arguments are large in sparse counts.
    large = np.nonzero(y > 1)
    high = y[large]
    log = np.log(high)
    value[large] = high - log + log / high * (1 + (0.5 * log - 1) / high)
    # One step of Fritsch, Shafer & Crowley (1973).
    residual = y - value - np.log(value)
    one = 1 + value
    twice = 2 * one * (one + residual * np.float32(2 / 3))
    return value * (1 + residual / one * (twice - residual) / (twice - 2 * residual))
