"""Fits and runs on disk that nobody fitted, to be damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import sparse

from engine.checks import TopicUncertainty, Uncertainty
from engine.checks.uncertainty.draws import Draws
from engine.jobs import factor_names
from engine.jobs.job_status import JobStatus
from engine.jobs.scoring import _save
from engine.jobs.store import CHECKPOINT, FIT, RunStore, write_json
from engine.lnm.config import LNMConfig
from engine.results import AnyFit, Fit
from tests.dashboard.synthetic import make_fit, make_topic_fit
from tests.runs import held_out

CELLS, GENES, FACTORS = 12, 8, 2
# The run that is damaged, and the one beside it.
DAMAGED, SOUND = "20260101-000000-000000-aaaaaa", "20260102-000000-000000-bbbbbb"


def fits() -> dict[str, AnyFit]:
    """One of each kind."""
    nuts = make_fit(CELLS, GENES, FACTORS, capture=True)
    rng = np.random.default_rng(0)
    draws = {
        "mean_clr": rng.normal(size=(6, GENES + 1)),
        "loadings": rng.normal(size=(6, GENES + 1, FACTORS)),
        "noise": rng.uniform(0.1, 0.3, (6, GENES + 1)),
    }
    config = LNMConfig(capture=True, n_factors=FACTORS, inference="nuts")
    told = {"n_chains": 4, "worst_rhat": 1.01, "divergences": 0}
    return {
        "lnm": make_fit(CELLS, GENES, FACTORS, capture=False),
        "lnmvcp": make_fit(CELLS, GENES, FACTORS, capture=True),
        "nuts": replace(nuts, config=config, draws=draws, diagnostics=told),
        "lda": make_topic_fit(CELLS, GENES, 3),
    }


def counts() -> sparse.csr_matrix:
    return sparse.csr_matrix(
        np.random.default_rng(0).poisson(2.0, (CELLS, GENES + 1)).astype(np.float32)
    )


def make_fits(place: Path) -> dict[str, str]:
    for name, fit in fits().items():
        fit.save(place / name / "fit.h5ad", counts=None if name == "nuts" else counts())
    return dict.fromkeys(fits(), "fit.h5ad")


def make_runs(place: Path) -> dict[str, str]:
    """Homes of two runs: one that is damaged later, and one that must go on."""
    for name, fit in fits().items():
        home = place / name / "home"
        home.mkdir(parents=True)
        for id in (SOUND, DAMAGED):
            _make_run(home, id, fit)
        (home / "sweeps").mkdir()
        write_json(home / "sweeps" / "20260101-000000-000000-cccccc.json", {"id": "c", "runs": []})
    _interrupt(place / "lnmvcp" / "home")
    return dict.fromkeys(fits(), "home")


def _make_run(home: Path, id: str, fit: AnyFit) -> None:
    store = RunStore(home)
    status = JobStatus(
        id=id,
        name=f"run of {fit.model}",
        kind="fit",
        state="queued",
        created=1.7e9,
        request={"source": "/nowhere/cells.h5ad", "genes": "all"},
        config=fit.config.to_dict(),
        holdout=0.1,
    )
    lock = store.create(status)
    folder = store.path(id)
    fit.save(folder / FIT, counts=counts())
    cells = held_out(0.1, CELLS)
    _save(store, id, cells)
    _make_side_files(folder, fit)
    mean = float(cells.log_likelihood.sum() / cells.n_counts.sum())
    ended = replace(
        status,
        state="done",
        passes=fit.status.passes,
        seconds=3.0,
        fraction=1.0,
        trace=((1.0, -1000.0), (2.0, -990.0)),
        log=("began", "ended"),
        score={
            "log_likelihood_per_count": mean,
            "perplexity": float(np.exp(-mean)),
            "n_cells": CELLS,
            "standard_error": 0.1,
        },
        log_marginal_per_cell=-990.0,
        revision=4,
    )
    store.write_status(ended)
    lock.release()


def _make_side_files(folder: Path, fit: AnyFit) -> None:
    """What the page and the checks keep beside a fit."""
    # The page, with all its plots, is only imported where it is looked at.
    from dashboard import saved_selections
    from dashboard.embedding import keep
    from engine.summaries import coordinates, scores

    xy = np.asarray(scores(fit)[:, :2], np.float32)
    keep(folder, str(fit.status.passes), coordinates(fit), xy)
    saved_selections.write(folder, np.arange(CELLS) < CELLS // 2)
    factor_names.write(folder, [f"named {j}" for j in range(fit.n_factors)], fit.status.passes)
    row = {"group": "all cells", "discrepancy": "zeros", "n_genes": 2}
    told = {"passes": fit.status.passes, "date": "2026-01-01", "misfits": [row]}
    write_json(folder / "check.json", {"mode": told})
    if isinstance(fit, Fit):
        shape = (3, GENES + 1)
        rng = np.random.default_rng(1)
        drawn = Draws(
            rng.normal(size=(*shape, FACTORS)).astype("f4"), rng.uniform(size=shape).astype("f4")
        )
        found: Uncertainty | TopicUncertainty = Uncertainty(
            fit.loadings, fit.noise, drawn, fit.status.passes
        )
        found.save(folder / "uncertainty.npz")


def _interrupt(home: Path) -> None:
    """A run that its server left on the way: a checkpoint, no fit."""
    folder = home / "runs" / DAMAGED
    (folder / FIT).rename(folder / CHECKPOINT)
    path = folder / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "running", "score": None}))
