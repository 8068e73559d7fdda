"""Real data and runs of the shapes of `tests.tiny`, so that nothing is compiled for them alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad

from engine.data import Counts, DataRequest, simulate
from engine.jobs import Jobs, JobStatus
from engine.jobs.store import FIT, RunStore
from engine.results import AnyFit
from tests.tiny import CELLS, FACTORS, GENES

# With this share set aside, as many cells are fitted as `tests.tiny` has, and 20 are scored.
HOLDOUT = 0.2
MORE_CELLS = 100
assert round((1 - HOLDOUT) * MORE_CELLS) == CELLS


def more_data(model: str = "lda", genes: int = GENES, cells: int = MORE_CELLS) -> ad.AnnData:
    """Counts of enough cells to set some aside."""
    return simulate(model, cells=cells, genes=genes, factors=FACTORS, seed=2)


def more_file(
    folder: Path, model: str = "lda", genes: int = GENES, cells: int = MORE_CELLS
) -> DataRequest:
    """A file of `more_data`, and what reads all of it."""
    path = folder / "sim.h5ad"
    more_data(model, genes, cells).write_h5ad(path)
    return DataRequest(str(path), genes="all")


def keep_run(jobs: Jobs, fit: AnyFit, request: DataRequest, counts: Counts | None = None) -> str:
    """A run as the queue leaves it, of a fit that was made without one; counts are kept if given.

    What becomes of a run that has ended can be tested without fitting it again.
    """
    status = JobStatus.new("fit", "kept", request=request.to_dict(), config=fit.config.to_dict())
    store = RunStore(jobs.home)
    lock = store.create(status)
    fit.save(store.path(status.id, FIT), counts=None if counts is None else counts.matrix())
    store.write_status(replace(status, state="done", passes=fit.status.passes))
    lock.release()
    return status.id
