"""What is claimed by default, the number of factors chosen from the counts.

Part of ``python -m benchmarks.calibration``. The truths are those of the other studies, dense and
sparse, with few factors, many and none that a few could tell, and genes that have nothing to do
with each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
from scipy.special import polygamma

import engine
from benchmarks.calibration_claims import modules
from benchmarks.calibration_factors import KINDS, annotated, drawn, row
from engine.data import simulate, true_clr_correlation

Drawn = tuple[ad.AnnData, pd.DataFrame]
COLUMNS = (
    "data | sets | k chosen | rms error of z | median error told | rms in errors told | "
    "coverage % (least) | claimed % | wrong or small % | told % | more wrong than told by (2 s.e.)"
)


def automatic(arguments: argparse.Namespace) -> None:
    """Coverage and claims of default fits, over data sets of each kind."""
    print(f"| {COLUMNS} |\n|{' --- |' * 11}")
    for name, draw in _kinds().items():
        rows, sizes = [], []
        for seed in range(arguments.automatic):
            data, truth = draw(seed)
            found, fit = row(data, truth, engine.LNMConfig())
            rows.append(found)
            sizes.append(fit.n_factors)
        table = np.array(rows)
        error, told, coverage, claimed, wrong, said, in_errors = _means(table)
        beyond = 100 * (table[:, 4] - table[:, 5])
        beyond = beyond[np.isfinite(beyond)]
        more = "none claimed"
        if len(beyond) > 1:
            twice = 2 * beyond.std(ddof=1) / np.sqrt(len(beyond))
            more = f"{beyond.mean():.2f} ({twice:.2f})"
        tried = ", ".join(f"{size} ({sizes.count(size)})" for size in sorted(set(sizes)))
        print(
            f"| {name} | {len(rows)} | {tried} | {error:.3f} | {told:.3f} | {in_errors:.2f} | "
            f"{100 * coverage:.1f} ({100 * table[:, 2].min():.1f}) | {100 * claimed:.2f} | "
            f"{100 * wrong:.2f} | {100 * said:.2f} | {more} |",
            flush=True,
        )


def _means(table: np.ndarray) -> list[float]:
    """Of each column; NaN where nothing was claimed in any set."""
    return [
        float(np.mean(column[np.isfinite(column)])) if np.isfinite(column).any() else np.nan
        for column in table.T
    ]


def _kinds() -> dict[str, Callable[[int], Drawn]]:
    kinds: dict[str, Callable[[int], Drawn]] = {}
    for kind in KINDS:
        kinds[f"{kind.cells} x {kind.genes}, {kind.name}"] = lambda seed, kind=kind: drawn(
            kind, seed
        )
    for depth in (0.3, 1.0, 10.0):
        kinds[f"600 x 80, 5 factors, {depth:g} counts per gene"] = lambda seed, depth=depth: _dense(
            seed, depth
        )
    return kinds | {
        "600 x 80, independent genes": _independent,
        "600 x 80, Dirichlet-multinomial": _dirichlet,
        "2000 x 300, six modules of 20": _modules,
    }


def _dense(seed: int, depth: float) -> Drawn:
    data = simulate("lnm", seed=seed, cells=600, genes=80, factors=5, counts_per_gene=depth)
    return data, true_clr_correlation(data)


def _independent(seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    means = rng.lognormal(0, 1, 80)
    counts = rng.poisson(rng.gamma(2.0, means / 2.0, (600, 80)))
    return annotated(counts), _centred(np.diag(np.full(80, polygamma(1, 2.0))))


def _dirichlet(seed: int) -> Drawn:
    """Proportions have a Dirichlet distribution: logs of gammas, less what they share."""
    rng = np.random.default_rng(seed)
    shape = rng.lognormal(0, 0.7, 80) * 2
    shares = rng.dirichlet(shape, 600)
    totals = rng.negative_binomial(5, 5 / (5 + 400.0), 600) + 20
    counts = np.array([rng.multinomial(n, p) for n, p in zip(totals, shares, strict=True)])
    return annotated(counts), _centred(np.diag(polygamma(1, shape)))


def _modules(seed: int) -> Drawn:
    counts, edges = modules(np.random.default_rng(seed))
    # Variances as `modules` draws them: 0.36 of each gene by itself, and 0.36 that a module shares.
    return annotated(counts), _centred(0.36 * (np.eye(len(edges)) + edges))


def _centred(covariance: np.ndarray) -> pd.DataFrame:
    """CLR correlations of log intensities with this covariance."""
    mean = covariance.mean(0)
    centred = covariance - mean - mean[:, None] + covariance.mean()
    scale = np.sqrt(np.diag(centred))
    names = [f"gene {place}" for place in range(len(covariance))]
    return pd.DataFrame(centred / np.outer(scale, scale), names, names)
