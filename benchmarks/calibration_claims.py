"""What is claimed where there is little or nothing: part of ``python -m benchmarks.calibration``.

Counts are not drawn from the model. Genes that have nothing to do with each other (gamma-Poisson)
have correlations by closure only, which are tiny; of modules, pairs of one module are edges, and
no others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Literal

import anndata as ad
import numpy as np

import engine
from engine import checks

Number = int | Literal["auto"]

CLAIMED = 0.05
FACTORS = (1, 3, 10, 30)
FEW: tuple[Number, ...] = (1, 2, 3, "auto")

Drawn = tuple[np.ndarray, np.ndarray]


def independent(rng: np.random.Generator) -> Drawn:
    """Counts (600, 80) of genes that have nothing to do with each other, and no edges."""
    means = rng.lognormal(0, 1, 80)
    counts = rng.poisson(rng.gamma(2.0, means / 2.0, (600, 80)))
    return counts, np.zeros((80, 80), bool)


def modules(rng: np.random.Generator) -> Drawn:
    """Counts (2000, 300), Poisson log-normal, and which pairs are of one module."""
    module = np.repeat(np.arange(15), 20)
    log = rng.normal(0, 0.6, (2000, 300)) + rng.normal(0, 1, 300)
    log[:, module < 6] += 0.6 * rng.normal(size=(2000, 6))[:, module[module < 6]]
    return rng.poisson(np.exp(log)), (module[:, None] == module) & (module < 6)


def rare_modules(rng: np.random.Generator) -> Drawn:
    """Counts (1000, 700), Poisson log-normal: three modules of 80 rare genes, others independent.

    Loadings are 0.6 to 1, a quarter of them negative; depths differ tenfold.
    """
    module = np.repeat([-1, 0, 1, 2], [460, 80, 80, 80])
    loadings = np.zeros((700, 3))
    size = rng.choice([-1, 1], 240, p=[0.25, 0.75]) * rng.uniform(0.6, 1, 240)
    loadings[np.arange(460, 700), module[460:]] = size
    log = np.where(module < 0, rng.normal(1.5, 0.8, 700), rng.normal(-1, 0.5, 700))
    log = log + rng.normal(size=(1000, 3)) @ loadings.T
    log += rng.normal(size=(1000, 700)) * np.sqrt(rng.uniform(0.1, 0.4, 700))
    shares = np.exp(log) / np.exp(log).sum(1, keepdims=True)
    depths = np.exp(rng.uniform(np.log(0.3), np.log(3), 1000))
    depths *= 2 * 700 / depths.mean()
    edges = (module[:, None] == module) & (module >= 0)
    return rng.poisson(depths[:, None] * shares), edges


DATA: dict[str, tuple[Callable[[np.random.Generator], Drawn], tuple[Number, ...]]] = {
    "600 x 80, independent genes": (independent, FACTORS),
    "2000 x 300, six modules of 20": (modules, FACTORS),
    "1000 x 700, three modules of 80 rare genes": (rare_modules, FEW),
}


def claims(arguments: argparse.Namespace) -> None:
    """Shares of the pairs that each rate claims at 5 %, and what is claimed by fsos."""
    print(
        "| data | k | sets | tail % | lfsr % | fsos % | of these no edges % | edges found % |\n"
        f"|{' --- |' * 8}"
    )
    for name, (draw, sizes) in DATA.items():
        for factors in sizes:
            rows = []
            for seed in range(arguments.nulls):
                counts, edges = draw(np.random.default_rng(seed))
                rows.append(_row(counts, edges, factors))
            shown = " | ".join(
                "" if np.isnan(value) else f"{100 * value:.2f}" for value in np.mean(rows, axis=0)
            )
            print(f"| {name} | {factors} | {len(rows)} | {shown} |", flush=True)


def _row(counts: np.ndarray, edges: np.ndarray, factors: Number) -> tuple[float, ...]:
    names = [f"gene {place}" for place in range(counts.shape[1])]
    data = ad.AnnData(counts.astype(np.float32))
    data.var_names = names
    read = engine.read_counts(data, genes="all")
    config = engine.LNMConfig(n_factors=factors)
    fit = engine.fit(read, config)
    found = checks.uncertainty(fit, read)
    shown = np.flatnonzero(fit.is_gene)
    place = np.array([names.index(name) for name in fit.genes[shown]])
    upper = np.triu_indices(len(shown), 1)
    sure = found.correlation(shown)
    tail = found.estimates(shown).tail[upper] < CLAIMED
    claimed, true = sure.fsos[upper] < CLAIMED, edges[np.ix_(place, place)][upper]
    return (
        tail.mean(),
        (sure.lfsr[upper] < CLAIMED).mean(),
        claimed.mean(),
        (~true)[claimed].mean() if claimed.any() else 0.0,
        claimed[true].mean() if true.any() else np.nan,
    )
