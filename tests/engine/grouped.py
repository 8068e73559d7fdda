"""Cells of batches, donors and conditions, drawn from a model whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data import Counts


@dataclass(frozen=True)
class Grouped:
    """Cells, with CLR effects (G,) of what the first column of labels tells, and correlations.

    Both are those of the truth: correlations are within the levels.
    """

    counts: Counts
    effects: np.ndarray
    correlation: np.ndarray


def grouped(
    labels: pd.DataFrame,
    *,
    genes: int = 60,
    effect: float = 0.8,
    changed: float = 0.5,
    of_donors: float = 0.0,
    of_slopes: float = 0.0,
    total: float = 600,
    seed: int = 0,
) -> Grouped:
    """Three factors; an effect N(0, effect^2) of the first column on a share of the genes.

    Parameters
    ----------
    labels
        (C, ...) of cells: the first column True or False; ``donor`` if effects differ by donor.
    of_donors, of_slopes
        Standard deviations of the donors' own levels and effects.
    """
    rng = np.random.default_rng(seed)
    cells = len(labels)
    mean, loadings = rng.normal(0, 0.7, genes), rng.normal(0, 0.5, (genes, 3))
    noise = np.full(genes, 0.1)
    drawn = np.clip(rng.normal(0, effect, genes), -1.5 * effect, 1.5 * effect)
    effects = np.where(rng.random(genes) < changed, drawn, 0.0)
    x = labels.iloc[:, 0].to_numpy(float)[:, None]
    logits = mean + x * effects + rng.normal(size=(cells, 3)) @ loadings.T
    logits += rng.normal(size=logits.shape) * np.sqrt(noise)
    if "donor" in labels:
        of, levels = pd.factorize(labels["donor"])
        logits += of_donors * rng.normal(size=(len(levels), genes))[of]
        logits += x * of_slopes * rng.normal(size=(len(levels), genes))[of]
    shares = np.exp(logits)
    shares /= shares.sum(1, keepdims=True)
    totals = rng.poisson(total * rng.gamma(4, 0.25, cells)) + 20
    drawn = np.stack([rng.multinomial(n, p) for n, p in zip(totals, shares, strict=True)])
    names = [f"cell_{c}" for c in range(cells)]
    counts = Counts.from_arrays(
        drawn, [f"gene_{g}" for g in range(genes)], names, obs=labels.set_axis(names)
    )
    centre = np.eye(genes) - 1 / genes
    covariance = centre @ (loadings @ loadings.T + np.diag(noise)) @ centre
    sd = np.sqrt(np.diag(covariance))
    return Grouped(counts, effects - effects.mean(), covariance / np.outer(sd, sd))
