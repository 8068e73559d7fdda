"""A saved run of any number of cells, without a fit: what the page's speed is measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dashboard.embedding import keep
from engine import LNMConfig
from engine.jobs.job_status import JobStatus
from engine.jobs.store import FIT, RunStore
from engine.results import OTHER, Capture, Fit, Status, Totals

LABELS = 12


def save_run(home: Path, cells: int, genes: int = 2000, factors: int = 10, *, seed: int = 0) -> str:
    """Write a made-up LNMVCP fit into a home of runs, as one that ended well; its id.

    In place of its UMAP, which would take minutes at a million cells, it has the first two
    factor scores.
    """
    fit = made_up_fit(cells, genes, factors, seed)
    status = JobStatus.new("fit", f"simulated · {cells:,} cells", config=fit.config.to_dict())
    store = RunStore(home)
    lock = store.create(status)
    fit.save(store.path(status.id, FIT))
    keep(store.path(status.id), "1", fit.scores, fit.scores[:, :2])
    store.write_status(replace(status, state="done", phase="", fraction=1.0, passes=1, revision=1))
    lock.release()
    return status.id


def gene_name(j: int) -> str:
    """Three letters and a number, as the names of genes are: few share their beginning."""
    letters = (chr(ord("A") + part % 26) for part in (j, j // 26, 7 * j + j // 26))
    return f"{''.join(letters)}{j}"


def made_up_fit(cells: int, genes: int, factors: int, seed: int = 0) -> Fit:
    """Clustered factor scores and random loadings; two columns of obs.

    Fits of the same size are of the same cells, whatever the seed.
    """
    rng, own = np.random.default_rng(0), np.random.default_rng([seed, 1])
    label = rng.integers(LABELS, size=cells)
    centres = 1.5 * rng.normal(size=(LABELS, factors))
    scores = (centres[label] + 0.5 * own.normal(size=(cells, factors))).astype(np.float32)
    loadings = own.normal(size=(genes + 1, factors)) * np.linspace(0.8, 0.2, factors)
    total = np.round(rng.lognormal(8, 0.5, cells))
    efficiency = np.clip(total / 2e5, 1e-4, 1)
    small = np.full(cells, 0.1)
    names = pd.Index([f"{c:015x}-1" for c in rng.permutation(cells)])
    obs = {"cell_type": pd.Categorical.from_codes(label, [f"type {j}" for j in range(LABELS)])}
    obs["pct_mito"] = rng.gamma(2, 2, cells).astype(np.float32)
    trace = {"pass": [1], "seconds": [1.0], "log_marginal_per_cell": [-1000.0]}
    trace |= {"gradient_median": [0.0], "gradient_worst": [0.0], "n_failed_cells": [0]}
    return Fit(
        config=LNMConfig(capture=True, n_factors=factors),
        genes=pd.Index([*map(gene_name, range(genes)), OTHER]),
        cells=names,
        reference=genes,
        mean_clr=rng.normal(size=genes + 1),
        loadings=loadings - loadings.mean(0),
        noise=np.append(rng.uniform(0.05, 0.3, genes), 0.0),
        scores=scores,
        scores_sd=np.full_like(scores, 0.1),
        log_marginal=np.full(cells, -1000.0),
        total_counts=total,
        totals=Totals(mean=2e5, concentration=3.0),
        capture=Capture(-np.log(efficiency), small, efficiency, small * efficiency),
        obs=pd.DataFrame(obs, index=names),
        trace=pd.DataFrame(trace),
        status=Status("converged", "made up", 1, 1.0, 0.0, 0),
        data={"name": f"simulated {cells:,}"},
    )
