"""Runs on disk with counts, made up without a fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from engine.jobs import JobStatus
from engine.jobs.store import FIT, RunStore
from engine.results import AnyFit

EVIL = "<img src=x onerror=alert(1)>"


def save_run(home: Path, fit: AnyFit) -> str:
    """A run of a made-up fit, and of counts that have little to do with it."""
    labels = np.where(np.arange(len(fit.cells)) % 3, "B", EVIL)
    fit.obs["cell_type"] = pd.Categorical(labels)
    rng = np.random.default_rng(1)
    counts = sparse.csr_matrix(rng.poisson(4.0, (len(fit.cells), len(fit.genes))), dtype=np.float32)
    status = JobStatus.new("fit", fit.model, config=fit.config.to_dict())
    store = RunStore(home)
    lock = store.create(status)
    fit.save(store.path(status.id, FIT), counts=counts)
    store.write_status(replace(status, state="done", passes=fit.status.passes, revision=1))
    lock.release()
    return status.id
