"""Cells of groups and donors, whose truth is known: what `calibration_groups` is measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

import engine
from engine.data import Counts

GENES, FACTORS = 60, 3
CONFIG = engine.LNMConfig(n_factors=FACTORS)


@dataclass(frozen=True)
class Drawn:
    """Cells, effects (G,) of the condition or batch, and CLR correlations within."""

    counts: Counts
    effects: np.ndarray
    correlation: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Cells of the condition."""
        return np.asarray(self.counts.obs["b"] == "yes")


def draw(
    rng: np.random.Generator,
    cells: int = 600,
    *,
    share: float = 0.5,
    changes: float = 0.0,
    effect: float = 0.8,
    donors: int = 0,
    nested: bool = False,
    of_donors: float = 0.4,
    of_slopes: float = 0.0,
    depth: float = 1.0,
    genes: int = GENES,
) -> Drawn:
    """A share of the genes changes by N(0, effect^2) in a share of the cells.

    Donors have levels of their own, with standard deviations that differ from gene to gene about
    ``of_donors``, and mean scores; in half of them all cells have the condition if nested, else
    half of the cells in each, with effects of their own. The condition has so many times the depth.
    """
    mean, loadings = rng.normal(0, 1, genes), rng.normal(0, 0.5, (genes, FACTORS))
    noise = np.full(genes, 0.15)
    effects = np.where(rng.random(genes) < changes, rng.normal(0, effect, genes), 0.0)
    donor = np.arange(cells) * max(donors, 1) // cells
    chosen = donor >= donors // 2 if donors and nested else rng.permutation(cells) < share * cells
    x = chosen[:, None].astype(float)
    logits = mean + x * effects + rng.normal(size=(cells, FACTORS)) @ loadings.T
    logits += rng.normal(size=logits.shape) * np.sqrt(noise)
    if donors:
        spread = of_donors * np.sqrt(4 / rng.chisquare(4, genes))
        logits += (rng.normal(size=(donors, genes)) * spread)[donor]
        logits += (rng.normal(size=(donors, FACTORS)) @ loadings.T * of_donors)[donor]
        logits += x * (rng.normal(size=(donors, genes)) * of_slopes)[donor]
        logits += x * (rng.normal(size=(donors, FACTORS)) @ loadings.T * of_slopes)[donor]
    shares = np.exp(logits)
    shares /= shares.sum(1, keepdims=True)
    totals = rng.poisson(800 * np.where(chosen, depth, 1.0) * rng.gamma(5, 0.2, cells)) + 50
    matrix = np.stack([rng.multinomial(n, p) for n, p in zip(totals, shares, strict=True)])
    names = [f"cell_{c}" for c in range(cells)]
    labels = {"b": np.where(chosen, "yes", "no"), "donor": [f"d{d}" for d in donor]}
    obs = pd.DataFrame(labels, index=names)
    counts = Counts.from_arrays(matrix, [f"gene_{g}" for g in range(genes)], names, obs=obs)
    centre = np.eye(genes) - 1 / genes
    covariance = centre @ (loadings @ loadings.T + np.diag(noise)) @ centre
    sd = np.sqrt(np.diag(covariance))
    return Drawn(counts, effects, covariance / np.outer(sd, sd))
