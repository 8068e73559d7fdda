"""Replicates of a fit on weighted cells, rotated to the fit's own axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from engine.checks.uncertainty.delta_method import LARGEST, Estimates, Moments, assemble


class Replicates(NamedTuple):
    """Results of n replicates of a fit.

    Attributes
    ----------
    loadings, noise
        (n, G, k) CLR loadings, turned to the fit's (Procrustes), and (n, G) d.
    cosines
        (n, k) absolute cosines of the replicates' own principal axes with those of the fit, paired
        to make their sum the largest.
    """

    loadings: np.ndarray
    noise: np.ndarray
    cosines: np.ndarray

    def correlation(self, loadings: np.ndarray, noise: np.ndarray, genes: np.ndarray) -> Estimates:
        """The fit's correlations, with the replicates' standard deviation of Fisher's z."""
        own = Moments.of(loadings, noise, genes).correlation()
        drawn = np.zeros((2, len(genes), len(genes)))
        for one, d in zip(self.loadings, self.noise, strict=True):
            rho = Moments.of(one.astype(float), d.astype(float), genes).correlation()
            z = np.arctanh(np.clip(rho, -LARGEST, LARGEST))
            drawn += z, z**2
        count = len(self.noise)
        mean = drawn[0] / count
        variance = np.maximum(drawn[1] / count - mean**2, 0) * count / (count - 1)
        return assemble(own, np.sqrt(variance), freedom=count - 1)


def turned(loadings: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Loadings (G, k) rotated as near as possible to ``target`` (orthogonal Procrustes)."""
    rotation, _ = linalg.orthogonal_procrustes(loadings, target)
    return np.asarray(loadings @ rotation)
