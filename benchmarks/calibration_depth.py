"""Depth as a covariate: part of ``python -m benchmarks.calibration groups``.

Counts of each gene of PBMC 3k are permuted among cells of like library size, so that what genes
have in common is depth alone.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import engine
from benchmarks.calibration_real import CELLS
from engine import checks
from engine.data import Counts
from engine.genes import OTHER

# Genes, factors, and among how many groups of cells of like size counts are permuted.
SIZES = ((150, 5, 10), (300, 8, 10), (300, 8, 50), (1000, 10, 10))
FORMULAS = {"nothing": None, "log total": "~ log_total", "ten levels": "~ tenth"}
PERMUTATIONS = 2


def depth(arguments: argparse.Namespace) -> None:
    """PBMC 3k, counts permuted among cells of like library size: pairs that are claimed."""
    if not CELLS.is_file():
        return
    print(
        "| genes | factors | permuted within | covariate | sets | fsos < 5 % (most of a set) | "
        "lfsr < 5 % |\n" + f"|{' --- |' * 7}"
    )
    for genes, factors, groups in SIZES:
        counts = engine.read_counts(CELLS, genes=genes)
        sets = [_permuted(counts, groups, seed) for seed in range(PERMUTATIONS)]
        for name, formula in FORMULAS.items():
            config = engine.LNMConfig(n_factors=factors, formula=formula)
            found = 100 * np.array([_claimed(one, config) for one in sets])
            fsos, lfsr = found.mean(0)
            print(
                f"| {genes} | {factors} | {groups} | {name} | {len(sets)} | {fsos:.2f} % "
                f"({found[:, 0].max():.2f} %) | {lfsr:.1f} % |",
                flush=True,
            )


def _claimed(counts: Counts, config: engine.LNMConfig) -> tuple[float, float]:
    """Shares of the pairs by fsos and by lfsr."""
    fit = engine.fit(counts, config)
    shown = np.flatnonzero(fit.is_gene)
    found = checks.uncertainty(fit, counts).correlation(shown)
    upper = np.triu_indices(len(shown), 1)
    return float((found.fsos[upper] < 0.05).mean()), float((found.lfsr[upper] < 0.05).mean())


def _permuted(counts: Counts, groups: int, seed: int) -> Counts:
    """Each gene by itself; with the log total and the tenth of the library size as labels.

    The pooled rest stays as it is, and depth is that of the permuted counts.
    """
    rng = np.random.default_rng(seed)
    matrix = counts.block(0, counts.n_cells).copy()
    size = matrix.sum(1)
    group = pd.qcut(pd.Series(size).rank(method="first"), groups, labels=False).to_numpy()
    for of in range(groups):
        cells = np.flatnonzero(group == of)
        for gene in np.flatnonzero(counts.genes != OTHER):
            matrix[cells, gene] = matrix[rng.permutation(cells), gene]
    total = matrix.sum(1)
    tenth = pd.qcut(pd.Series(size).rank(method="first"), 10, labels=False).to_numpy()
    obs = counts.obs.assign(log_total=np.log(total), tenth=[f"t{one}" for one in tenth])
    return Counts.from_arrays(
        matrix, counts.genes, counts.cells, reference=counts.reference, obs=obs
    )
