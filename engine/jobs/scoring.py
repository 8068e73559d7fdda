"""Held-out cells of a run, and the score of its fit on them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.files.atomic import atomic_write
from engine.files.own_files import read_arrays
from engine.jobs.failures import describe
from engine.jobs.job import Job, Wish
from engine.jobs.store import RunStore

if TYPE_CHECKING:
    from engine.checks import CellScores
    from engine.data import Counts

_FILE = "score.npz"
_ARRAYS = ("cells", "log_likelihood", "n_counts")


def set_aside(job: Job, counts: Counts) -> tuple[Counts, Counts | None]:
    """Split the cells into those to fit and those to score on; None if the run holds out none.

    The split depends only on the counts, the share and the seed, so it is the same for every model.
    """
    status = job.status
    if not status.holdout:
        return counts, None
    from engine import checks

    fitted, held_out = checks.set_aside(counts, status.holdout, status.config["seed"])
    job.update(log=f"{held_out.n_cells:,} of {counts.n_cells:,} cells are set aside for scoring")
    return fitted, held_out


def score(store: RunStore, job: Job, held_out: Counts) -> bool:
    """Score the fit on the held-out cells; False if the job is to end before that is done.

    If the fit cannot be scored, the log says why, and the run is still a success.
    """
    from engine import checks

    assert job.snapshot is not None

    def on_progress(share: float) -> None:
        if job.wish not in (Wish.GO_ON, Wish.STOP):
            raise _Unwanted
        job.update(fraction=share)

    job.update(phase="scoring", fraction=0.0)
    try:
        fit = job.snapshot()
        seed = job.status.config["seed"]
        completion, cells = checks.complete(fit, held_out, seed=seed, on_progress=on_progress)
        _save(store, job.status.id, cells)
        measured = checks.quality(fit, held_out)
        job.update(score=_plain(completion.to_dict() | measured.to_dict()))
    except _Unwanted:
        return False
    except Exception as error:
        job.update(log=f"the fit could not be scored: {describe(error)}")
    return True


def read_cells(store: RunStore, id: str) -> CellScores | None:
    """The saved scores of a run's held-out cells; None if there are none that can be read."""
    from engine.checks import CellScores

    try:
        arrays = read_arrays(store.path(id, _FILE))
        cells, gained, counted = (arrays[name] for name in _ARRAYS)
        sound = cells.dtype.kind == "U" and cells.shape == gained.shape == counted.shape
        sound = sound and cells.ndim == 1 and bool(np.isfinite(gained + counted).all())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return CellScores(cells, gained, counted) if sound else None


def _save(store: RunStore, id: str, result: CellScores) -> None:
    path = store.path(id, _FILE)
    arrays = {name: getattr(result, name) for name in _ARRAYS}
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


class _Unwanted(Exception):
    """Raised to end scoring because the job is to end."""


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinity, which JSON lacks, by None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
