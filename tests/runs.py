"""Runs on disk that nobody fitted, for tests that need several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dashboard.embedding import keep
from engine.checks import CellScores
from engine.jobs.job_status import JobStatus
from engine.jobs.scoring import _save
from engine.jobs.store import FIT, RunStore
from engine.results import AnyFit
from engine.summaries import coordinates, scores


def save_runs(home: Path, fits: Sequence[tuple[str, AnyFit, float | None]]) -> list[str]:
    """Keep fits as runs that ended well, with a UMAP made up; their ids, in order.

    Each is given as its name, the fit, and how much better than the first it predicts a count of
    some held-out cells, nats; None if it was not scored.
    """
    store, ids = RunStore(home), []
    for name, fit, gain in fits:
        status = JobStatus.new("fit", name, config=fit.config.to_dict())
        lock = store.create(status)
        fit.save(store.path(status.id, FIT))
        # Of no factors there is none.
        if fit.n_factors:
            xy = np.asarray(scores(fit)[:, [0, min(1, fit.n_factors - 1)]], np.float32)
            keep(store.path(status.id), str(fit.status.passes), coordinates(fit), xy)
        score = None
        if gain is not None:
            cells = held_out(gain)
            mean = float(cells.log_likelihood.sum() / cells.n_counts.sum())
            score = {"log_likelihood_per_count": mean, "perplexity": float(np.exp(-mean))}
            _save(store, status.id, cells)
        passes = fit.status.passes
        ended = replace(status, state="done", passes=passes, seconds=3.0, score=score, revision=1)
        store.write_status(ended)
        lock.release()
        ids.append(status.id)
    return ids


def held_out(gain: float, cells: int = 30) -> CellScores:
    """Scores of made-up cells; a gain differs a little from cell to cell."""
    rng = np.random.default_rng(0)
    counts = rng.integers(50, 200, cells)
    values = counts * (rng.normal(-4, 0.5, cells) + gain * rng.uniform(0.5, 1.5, cells))
    return CellScores(np.array([f"held{c}" for c in range(cells)]), values, counts)
