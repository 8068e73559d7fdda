"""Covariates of real cells: part of ``python -m benchmarks.calibration groups``.

The files are those beside the project, see `benchmarks.__main__`; what lacks one is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import engine
from engine.data import Counts
from engine.genes import OTHER
from engine.results import Fit

DATA = Path(__file__).parents[1].parent / "shared" / "data"
CELLS, PATIENTS = DATA / "pbmc3k.h5ad", DATA / "glioblastoma_300.h5ad"
GENES = 300


def null_cells(splits: int) -> Iterator[tuple[str, Iterator[pd.DataFrame]]]:
    """Random splits of the B cells of PBMC 3k under a fit of all cells, and with their types."""
    if not CELLS.is_file():
        return
    counts = engine.read_counts(CELLS, genes=GENES)
    types = counts.obs["cell_type"].to_numpy()
    for formula in (None, "~ cell_type"):
        fit = engine.fit(counts, engine.LNMConfig(n_factors=8, formula=formula))
        for name, share in (("1:1", 0.5), ("1:4", 0.2)):
            label = f"B cells of PBMC 3k | {formula or 'none'} | {name}"
            yield label, _halves(fit, counts, types == "B cells", share, splits)


def _halves(
    fit: Fit, counts: Counts, cells: np.ndarray, share: float, splits: int
) -> Iterator[pd.DataFrame]:
    rng, of = np.random.default_rng(1), np.flatnonzero(cells)
    for _ in range(splits):
        part = np.zeros(len(cells), bool)
        part[rng.choice(of, round(share * len(of)), replace=False)] = True
        yield engine.differences(fit, counts, part, cells & ~part).genes


def cell_types(arguments: argparse.Namespace) -> None:
    """PBMC 3k: correlations of CD4 T cells fitted alone, against those of other cells fitted."""
    if not CELLS.is_file():
        return
    counts = engine.read_counts(CELLS, genes=GENES)
    # In halves, too, each type has its ten cells.
    sizes = counts.obs["cell_type"].value_counts()
    counts = counts.take(np.flatnonzero(counts.obs["cell_type"].map(sizes).astype(int) > 30))
    helper = counts.obs["cell_type"].to_numpy() == "CD4 T cells"
    half = np.random.default_rng(0).random(counts.n_cells) < 0.5
    upper, names = np.triu_indices(GENES, 1), counts.genes[counts.genes != OTHER]

    def found(cells: np.ndarray, factors: int, formula: str | None = None) -> np.ndarray:
        own = counts.take(np.flatnonzero(cells))
        fit = engine.fit(own, engine.LNMConfig(n_factors=factors, formula=formula))
        return engine.summaries.clr_correlation(fit).loc[names, names].to_numpy()[upper]

    alone = found(helper & half, 4)
    rows = {
        "the other CD4 T cells alone": found(helper & ~half, 4),
        "all other cells": found(~half, 8),
        "all other cells, ~ cell_type": found(~half, 8, "~ cell_type"),
    }
    print("| fitted | r |\n| --- | --- |")
    for name, values in rows.items():
        print(f"| {name} | {np.corrcoef(values, alone)[0, 1]:.2f} |", flush=True)


def patients(arguments: argparse.Namespace) -> None:
    """Glioblastoma: share of the variance of scores between patients, largest of the factors."""
    if not PATIENTS.is_file():
        return
    counts = engine.read_counts(PATIENTS, genes=GENES)
    print("| formula | largest % | mean % |\n| --- | --- | --- |")
    for formula in (None, "~ condition + (condition | patient)"):
        fit = engine.fit(counts, engine.LNMConfig(n_factors=8, formula=formula))
        scores = pd.DataFrame(fit.scores.astype(float))
        means = scores.groupby(counts.obs["patient"].to_numpy()).transform("mean")
        share = 100 * means.var() / scores.var()
        told = (formula or "none").replace("|", "\\|")
        print(f"| {told} | {share.max():.1f} | {share.mean():.1f} |", flush=True)
