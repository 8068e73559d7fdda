"""Priors that keep rare genes finite, their scale learned from all genes (empirical Bayes).

    W_gj ~ N(0, s^2),   log d_g ~ N(m, t^2)

One scale s for all of W keeps the posterior invariant to rotations of z.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.config import LNMConfig

START_LOADINGS_SCALE = 1.0
START_NOISE_LOCATION = float(np.log(0.1))
START_NOISE_SCALE = 1.0


@dataclass(frozen=True)
class Prior:
    """Scale of the loadings, location and scale of log d; the flags say which are learned."""

    loadings_scale: float
    noise_location: float
    noise_scale: float
    learn_loadings: bool
    learn_noise_location: bool
    learn_noise_scale: bool

    @classmethod
    def start(cls, config: LNMConfig) -> Prior:
        """Values the user set, and starting values for those to learn."""
        return cls(
            config.loadings_scale or START_LOADINGS_SCALE,
            START_NOISE_LOCATION if config.noise_location is None else config.noise_location,
            config.noise_scale or START_NOISE_SCALE,
            config.loadings_scale is None,
            config.noise_location is None,
            config.noise_scale is None,
        )

    def resume(self, values: dict[str, Any]) -> Prior:
        """The same with the values of an earlier fit."""
        known = self.to_dict() | {name: float(value) for name, value in values.items()}
        return replace(
            self,
            loadings_scale=known["loadings_scale"],
            noise_location=known["noise_location"],
            noise_scale=known["noise_scale"],
        )

    def to_dict(self) -> dict[str, float]:
        """The three values, as a fit keeps them."""
        return {
            "loadings_scale": self.loadings_scale,
            "noise_location": self.noise_location,
            "noise_scale": self.noise_scale,
        }

    def log_density(self, loadings: np.ndarray, log_noise: np.ndarray) -> float:
        """Log prior density of (G, k) loadings and of the log d of the genes that have one."""
        return float(
            _log_normal(loadings, 0.0, self.loadings_scale)
            + _log_normal(log_noise, self.noise_location, self.noise_scale)
        )

    def learn(
        self,
        loadings: np.ndarray,
        loadings_variance: np.ndarray,
        log_noise: np.ndarray,
        noise_variance: np.ndarray,
    ) -> Prior:
        """One EM step: second moments of the parameters about the prior's mean.

        Parameters
        ----------
        loadings, loadings_variance
            (G, k) posterior modes and variances.
        log_noise, noise_variance
            The same of log d; empty when there is none.
        """
        scale, location, spread = self.loadings_scale, self.noise_location, self.noise_scale
        if self.learn_loadings:
            scale = float(np.sqrt((loadings**2 + loadings_variance).mean()))
        if self.learn_noise_location and len(log_noise):
            location = float(log_noise.mean())
        if self.learn_noise_scale and len(log_noise):
            spread = float(np.sqrt(((log_noise - location) ** 2 + noise_variance).mean()))
        return replace(self, loadings_scale=scale, noise_location=location, noise_scale=spread)


def _log_normal(values: np.ndarray, mean: float, scale: float) -> float:
    squares = (((values - mean) / scale) ** 2).sum()
    return float(-0.5 * squares - values.size * np.log(scale * np.sqrt(2 * np.pi)))
