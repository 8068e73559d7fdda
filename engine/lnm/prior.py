"""Priors that keep rare genes finite, their scale learned from all genes (empirical Bayes).

    w_g ~ N(0, S),   log d_g ~ N(m, t^2)

One full covariance S for the rows of W: it rotates with z, so that the posterior does not depend
on the basis of z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.lnm.config import LNMConfig
from engine.lnm.effects_prior import EffectsPrior

START_LOADINGS_SCALE = 1.0
START_NOISE_LOCATION = float(np.log(0.1))
START_NOISE_SCALE = 1.0


@dataclass(frozen=True, eq=False)
class Prior:
    """Covariance S of the loadings, location and scale of log d; flags mark the learned ones.

    ``effects`` is the prior of the effects of covariates; None without any.
    """

    loadings_covariance: np.ndarray
    noise_location: float
    noise_scale: float
    learn_loadings: bool
    learn_noise_location: bool
    learn_noise_scale: bool
    effects: EffectsPrior | None = None

    @classmethod
    def start(cls, config: LNMConfig, effects: EffectsPrior | None = None) -> Prior:
        """Values the user set, and starting values for those to learn."""
        scale = config.loadings_scale or START_LOADINGS_SCALE
        return cls(
            scale**2 * np.eye(config.size),
            START_NOISE_LOCATION if config.noise_location is None else config.noise_location,
            config.noise_scale or START_NOISE_SCALE,
            config.loadings_scale is None,
            config.noise_location is None,
            config.noise_scale is None,
            effects,
        )

    def resume(self, values: dict[str, Any]) -> Prior:
        """A copy with the values that `to_dict` returned for an earlier fit."""
        return replace(
            self,
            loadings_covariance=np.array(values["loadings_covariance"], dtype=float).reshape(
                self.loadings_covariance.shape
            ),
            noise_location=float(values["noise_location"]),
            noise_scale=float(values["noise_scale"]),
            effects=EffectsPrior.from_dict(values["effects"]) if "effects" in values else None,
        )

    def to_dict(self, rotation: np.ndarray) -> dict[str, Any]:
        """Plain values, S in the basis after the (k, k) rotation."""
        turned = rotation.T @ self.loadings_covariance @ rotation
        return {
            "loadings_covariance": turned.tolist(),
            "noise_location": self.noise_location,
            "noise_scale": self.noise_scale,
        } | ({} if self.effects is None else {"effects": self.effects.to_dict()})

    @property
    def n_fixed(self) -> int:
        """Number of columns of fixed effects."""
        return 0 if self.effects is None else len(self.effects.fixed)

    @property
    def loadings_precision(self) -> np.ndarray:
        """Inverse of S."""
        factor = np.linalg.cholesky(self.loadings_covariance)
        half = np.linalg.solve(factor, np.eye(len(factor)))
        return half.T @ half

    def log_density(self, loadings: np.ndarray, log_noise: np.ndarray) -> float:
        """Log prior density of (G, k) loadings and of the log d of the genes that have one."""
        factor = np.linalg.cholesky(2 * np.pi * self.loadings_covariance)
        whitened = np.linalg.solve(factor, loadings.T) * np.sqrt(2 * np.pi)
        of_loadings = -0.5 * (whitened**2).sum() - len(loadings) * np.log(np.diag(factor)).sum()
        squares = (((log_noise - self.noise_location) / self.noise_scale) ** 2).sum()
        volume = log_noise.size * np.log(self.noise_scale * np.sqrt(2 * np.pi))
        return float(of_loadings - 0.5 * squares - volume)

    def learn(
        self,
        loadings: np.ndarray,
        loadings_covariances: np.ndarray,
        log_noise: np.ndarray,
        noise_variance: np.ndarray,
    ) -> Prior:
        """One EM step: second moments of the parameters about the prior's mean.

        Parameters
        ----------
        loadings, loadings_covariances
            (G, k) posterior modes and (G, k, k) covariances.
        log_noise, noise_variance
            Modes and variances of log d; empty when there is none.
        """
        covariance, location = self.loadings_covariance, self.noise_location
        spread = self.noise_scale
        if self.learn_loadings:
            covariance = (loadings.T @ loadings) / len(loadings) + loadings_covariances.mean(0)
        if self.learn_noise_location and len(log_noise):
            location = float(log_noise.mean())
        if self.learn_noise_scale and len(log_noise):
            spread = float(np.sqrt(((log_noise - location) ** 2 + noise_variance).mean()))
        return replace(
            self, loadings_covariance=covariance, noise_location=location, noise_scale=spread
        )

    def change_basis(self, factor: np.ndarray) -> Prior:
        """Follow W -> W F, unless S was set by the user."""
        if not self.learn_loadings:
            return self
        return replace(self, loadings_covariance=factor.T @ self.loadings_covariance @ factor)
