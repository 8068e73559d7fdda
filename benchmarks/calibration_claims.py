"""What is claimed where there is little or nothing: part of ``python -m benchmarks.calibration``.

Counts are not drawn from the model. Genes that have nothing to do with each other (gamma-Poisson)
have correlations by closure only, which are tiny; of six modules of 20 genes among 300, pairs of
one module are edges, and no others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import anndata as ad
import numpy as np

import engine
from engine import checks

CLAIMED = 0.05
FACTORS = (1, 3, 10, 30)

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


DATA: dict[str, Callable[[np.random.Generator], Drawn]] = {
    "600 x 80, independent genes": independent,
    "2000 x 300, six modules of 20": modules,
}


def claims(arguments: argparse.Namespace) -> None:
    """Shares of the pairs that each rate claims at 5 %, and what is claimed by fsos."""
    print(
        "| data | k | sets | tail % | lfsr % | fsos % | of these no edges % | edges found % |\n"
        f"|{' --- |' * 8}"
    )
    for name, draw in DATA.items():
        for factors in FACTORS:
            rows = []
            for seed in range(arguments.nulls):
                counts, edges = draw(np.random.default_rng(seed))
                rows.append(_row(counts, edges, factors))
            shown = " | ".join(
                "" if np.isnan(value) else f"{100 * value:.2f}" for value in np.mean(rows, axis=0)
            )
            print(f"| {name} | {factors} | {len(rows)} | {shown} |", flush=True)


def _row(counts: np.ndarray, edges: np.ndarray, factors: int) -> tuple[float, ...]:
    names = [f"gene {place}" for place in range(counts.shape[1])]
    data = ad.AnnData(counts.astype(np.float32))
    data.var_names = names
    read = engine.read_counts(data, genes="all")
    fit = engine.fit(read, engine.LNMConfig(n_factors=factors))
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
