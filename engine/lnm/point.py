"""A point of the outer optimisation: global parameters, their posterior density and its slope.

Each gene has a row ``(w_g, b_g, m_g, log d_g)``, b the effects of covariates, if there are any, and
m = mu + d/2, the log mean intensity: at fixed m the residual variance hardly moves a gene's mean,
so that both can change in one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.lnm import equations
from engine.lnm.passes import Pass
from engine.lnm.prior import Prior
from engine.lnm.residual import LOG_NO_NOISE
from engine.lnm.sums import Sums


@dataclass(frozen=True)
class Point:
    """Parameters (G, k + p + 2), the pass made there, and the prior.

    ``has_noise`` marks the genes whose d is learned: none in mode low_rank, and never the
    reference; ``max_noise`` is the largest d that is admitted.

    The objective is the log posterior density less ``tr(Q M) / 2``, M the mean of E[zz'] over the
    cells. A mode of W alone would shrink all loadings jointly, by 1 + G/C in variance: the prior
    pulls G rows towards zero, and z compensates. Integrated over W, the posterior's volume, which
    grows as z shrinks, cancels this: its log is ``-sum_g log det(n_g M + S^-1) / 2`` with n_g the
    information on gene g, and -Q/2 is its slope in M at M = 1.
    """

    theta: np.ndarray
    has_noise: np.ndarray
    prior: Prior
    volume: np.ndarray
    cells_pass: Pass
    max_noise: float

    @property
    def n_factors(self) -> int:
        """Number of factors k."""
        return len(self.volume)

    @property
    def loadings(self) -> np.ndarray:
        """(G, k) W."""
        return self.theta[:, : self.n_factors]

    @property
    def effects(self) -> np.ndarray:
        """(G, p) B."""
        return self.theta[:, self.n_factors : -2]

    @cached_property
    def value(self) -> float:
        """Log posterior density, nats; -inf where it is not finite."""
        prior = self.prior.log_density(self.loadings, self.theta[self.has_noise, -1])
        if self.prior.effects is not None:
            prior += self.prior.effects.log_density(self.loadings, self.effects)
        size = self.n_factors
        volume = 0.5 * float(np.sum(self.volume * self.moments[:size, :size]))
        value = self.cells_pass.log_marginal_total + prior - volume
        return value if np.isfinite(value) else -np.inf

    @cached_property
    def gradient(self) -> np.ndarray:
        """Slope of `value` in theta, zero where log d is fixed or at its bound."""
        sums, prior = self.sums, self.prior
        slope = np.empty_like(self.theta)
        size = self.n_factors
        slope[:, :size] = sums.loadings - self.loadings @ prior.loadings_precision
        slope[:, size:-2] = sums.effects
        if prior.effects is not None:
            in_loadings, in_effects = prior.effects.slopes(self.loadings, self.effects)
            slope[:, :size] += in_loadings
            slope[:, size:-2] += in_effects
        slope[:, -2] = sums.mean
        distance = (self.theta[:, -1] - prior.noise_location) / prior.noise_scale**2
        slope[:, -1] = sums.log_noise - 0.5 * np.exp(self.theta[:, -1]) * sums.mean - distance
        held = self.at_bound & (slope[:, -1] > 0)
        slope[held | ~self.has_noise, -1] = 0.0
        return slope

    @property
    def at_bound(self) -> np.ndarray:
        """(G,) mask of the genes whose d has reached the largest admitted."""
        return self.has_noise & (self.theta[:, -1] >= np.log(self.max_noise))

    @property
    def moments(self) -> np.ndarray:
        """(k + p + 1, k + p + 1) mean over the cells of E[(z, x, 1)(z, x, 1)']."""
        return np.asarray(self.sums.moments) / float(self.sums.weight)

    def volume_slope(self) -> np.ndarray:
        """Q (k, k) at this point."""
        precision = self.prior.loadings_precision
        information = np.array(self.sums.curvature)[:, -1, None, None]
        return np.linalg.inv(np.eye(len(precision)) + precision / information).sum(0)

    @property
    def sums(self) -> Sums:
        """Statistics of the pass."""
        if self.cells_pass.sums is None:
            raise ValueError("this pass was made without its gradient")
        return self.cells_pass.sums


def within(theta: np.ndarray, has_noise: np.ndarray, max_noise: float) -> np.ndarray:
    """The nearest admissible parameters: d at most ``max_noise``, none where it is not learned."""
    theta = theta.copy()
    bounded = np.minimum(theta[:, -1], np.log(max_noise))
    theta[:, -1] = np.where(has_noise, bounded, LOG_NO_NOISE)
    return theta


def params_of(theta: np.ndarray, n_factors: int) -> equations.Params:
    """The model's parameters at theta, without the effects of covariates."""
    mean = theta[:, -2] - 0.5 * np.exp(theta[:, -1])
    return equations.Params(mean, theta[:, :n_factors], theta[:, -1])
