"""Correlations where the number of factors is not the true one, or there is none.

Part of ``python -m benchmarks.calibration``. Counts are drawn from the model, or from a Poisson
log-normal whose correlations no few factors have: along a line, each with its neighbours, or in
many small blocks.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

import engine
from benchmarks.calibration_claims import independent
from engine import checks
from engine.data import simulate, true_clr_correlation
from engine.results import Fit

# Counts per cell and gene, and the variances that the genes have.
DEPTH, VARIANCE = 5.0, 0.5
CLAIMED = 0.05
COLUMNS = (
    "data, k fitted, sets, rms error of z, median error told, rms in errors told, coverage %, "
    "claimed %, wrong or small %, told %"
)


class Kind(NamedTuple):
    """A truth, and the numbers of factors that are fitted to it."""

    name: str
    cells: int
    genes: int
    factors: int
    fitted: tuple[int, ...]


KINDS = (
    Kind("3 factors", 600, 80, 3, (3, 6, 10, 18)),
    Kind("5 factors", 800, 100, 5, (2, 3, 5, 8, 15, 30)),
    Kind("20 factors", 600, 80, 20, (10, 20, 40)),
    Kind("20 blocks of 4", 600, 80, 0, (10, 20, 30, 60)),
    Kind("along a line", 600, 80, 0, (3, 10, 20, 40, 60)),
)


def factors(arguments: argparse.Namespace) -> None:
    """What is told of all pairs, by the factors that were fitted."""
    print(f"| {COLUMNS.replace(', ', ' | ')} |\n|{' --- |' * 10}")
    for kind in KINDS:
        sets = [drawn(kind, seed) for seed in range(arguments.wrong)]
        for fitted in kind.fitted:
            config = engine.LNMConfig(n_factors=fitted)
            rows = [row(data, truth, config)[0] for data, truth in sets]
            error, told, *shares, in_errors = np.nanmean(rows, axis=0)
            shown = " | ".join(f"{100 * share:.2f}" for share in shares)
            of = f"{kind.cells} x {kind.genes}, {kind.name}"
            sizes = f"{error:.3f} | {told:.3f} | {in_errors:.2f}"
            print(f"| {of} | {fitted} | {len(rows)} | {sizes} | {shown} |", flush=True)


# Of a kind above, the numbers of factors that are enough and those that are not.
LOOKED = (
    ("3 factors", (2,), (3, 10)),
    ("5 factors", (4,), (5, 15)),
    ("20 blocks of 4", (10,), (20, 30)),
    ("along a line", (3,), ()),
)


def structure(arguments: argparse.Namespace) -> None:
    """How often the test for what factors miss finds something, where there is and is not."""
    print("| data | k fitted | sets | found | should be | nothing to find |\n|" + " --- |" * 6)
    kinds = {kind.name: kind for kind in KINDS}
    for name, few, enough in LOOKED:
        sets = [drawn(kinds[name], seed)[0] for seed in range(arguments.looked)]
        for fitted in (*few, *enough):
            size = f"{kinds[name].cells} x {kinds[name].genes}"
            _look(f"{size}, {name}", sets, fitted, fitted in few)
    independents = [
        annotated(independent(np.random.default_rng(seed))[0]) for seed in range(arguments.looked)
    ]
    for fitted in (1, 3, 10):
        _look("600 x 80, independent genes", independents, fitted, False)


def _look(name: str, sets: list[ad.AnnData], fitted: int, there: bool) -> None:
    found, nothing = 0, 0
    for data in sets:
        counts = engine.read_counts(data, genes="all")
        fit = engine.fit(counts, engine.LNMConfig(n_factors=fitted))
        told = checks.residual_structure(fit, counts)
        found += told.significant
        nothing += told.nothing
    sought = "found" if there else "not"
    print(f"| {name} | {fitted} | {len(sets)} | {found} | {sought} | {nothing} |", flush=True)


def pairs(arguments: argparse.Namespace) -> None:
    """How many pairs the search for those that a fit misses finds, and of what."""
    print("| data | k fitted | sets | with any | pairs | of one block |\n|" + " --- |" * 6)
    blocks = [drawn(KINDS[3], seed)[0] for seed in range(arguments.looked)]
    right = [drawn(KINDS[0], seed)[0] for seed in range(arguments.looked)]
    alone = [
        annotated(independent(np.random.default_rng(seed))[0]) for seed in range(arguments.looked)
    ]
    asked = (("20 blocks of 4", blocks, (10, 20)), ("3 factors", right, (3, 10)))
    for name, sets, numbers in (*asked, ("independent genes", alone, (1, 10))):
        for fitted in numbers:
            found = [_missed(data, fitted) for data in sets]
            n_any, total = sum(n > 0 for n, _ in found), sum(n for n, _ in found)
            within = sum(n for _, n in found) if name == KINDS[3].name else ""
            shown = f"{n_any} | {total} | {within}"
            print(f"| 600 x 80, {name} | {fitted} | {len(sets)} | {shown} |", flush=True)


def _missed(data: ad.AnnData, fitted: int) -> tuple[int, int]:
    counts = engine.read_counts(data, genes="all")
    found = checks.missed_pairs(engine.fit(counts, engine.LNMConfig(n_factors=fitted)), counts)
    rows = found.table[found.table["misfit"]]
    one, other = (data.var_names.get_indexer(rows[name]) // 4 for name in ("gene", "other"))
    return found.n_missed, int((one == other).sum())


def annotated(counts: np.ndarray) -> ad.AnnData:
    """Counts with names of genes."""
    data = ad.AnnData(counts.astype(np.float32))
    data.var_names = [f"gene {one}" for one in range(counts.shape[1])]
    return data


def drawn(kind: Kind, seed: int) -> tuple[ad.AnnData, pd.DataFrame]:
    """Counts, and the true CLR correlations of all genes by name."""
    if kind.factors:
        data = simulate(
            "lnm",
            seed=seed,
            cells=kind.cells,
            genes=kind.genes,
            factors=kind.factors,
            counts_per_gene=DEPTH,
        )
        return data, true_clr_correlation(data)
    place = np.arange(kind.genes)
    apart = np.abs(place[:, None] - place)
    near = 0.8**apart if kind.name == "along a line" else 0.69 * (place[:, None] // 4 == place // 4)
    np.fill_diagonal(near, 1)
    rng = np.random.default_rng(seed)
    log = rng.normal(0, 0.7, kind.genes) + rng.multivariate_normal(
        np.zeros(kind.genes), VARIANCE * near, kind.cells
    )
    rates = np.exp(log)
    counts = rng.poisson(rates * DEPTH / rates.mean())
    data = annotated(counts)
    centred = near - near.mean(0) - near.mean(1)[:, None] + near.mean()
    scale = np.sqrt(np.diag(centred))
    return data, pd.DataFrame(centred / np.outer(scale, scale), data.var_names, data.var_names)


def row(
    data: ad.AnnData, truth: pd.DataFrame, config: engine.LNMConfig
) -> tuple[tuple[float, ...], Fit]:
    """What is told of all pairs, and the fit."""
    counts = engine.read_counts(data, genes="all")
    fit = engine.fit(counts, config)
    shown = np.flatnonzero(fit.is_gene)
    names = fit.genes[shown]
    found = checks.uncertainty(fit, counts)
    upper = np.triu_indices(len(shown), 1)
    own, sure = found.estimates(shown), found.correlation(shown)
    true = truth.loc[names, names].to_numpy()[upper]
    estimate = own.correlation[upper]
    claimed = sure.fsos[upper] < CLAIMED
    wrong = np.sign(estimate) * true <= checks.SMALL
    away = np.arctanh(estimate) - np.arctanh(true)
    told = (
        float(np.sqrt(np.mean(away**2))),
        float(np.median(own.fisher_error[upper])),
        float(np.mean((own.low[upper] <= true) & (true <= own.high[upper]))),
        float(claimed.mean()),
        float(wrong[claimed].mean()) if claimed.any() else np.nan,
        float(sure.fsos[upper][claimed].mean()) if claimed.any() else np.nan,
        float(np.sqrt(np.mean((away / own.fisher_error[upper]) ** 2))),
    )
    return told, fit
