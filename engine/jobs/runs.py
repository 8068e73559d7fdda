"""Read access to jobs: their status and their results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from engine.errors import DataError
from engine.jobs import cell_subset, factor_names, halves
from engine.jobs.file_cache import FileCache
from engine.jobs.job import Wish
from engine.jobs.job_status import JobError, JobStatus
from engine.jobs.pool import Pool
from engine.jobs.scoring import read_cells
from engine.jobs.store import FIT, RunStore, no_such_job
from engine.results import AnyFit, load_counts

if TYPE_CHECKING:
    from engine.checks import CellScores
    from engine.data import Counts

_COUNTS_CACHED = 2


class Runs:
    """The part of `Jobs` that reads."""

    def __init__(
        self,
        store: RunStore,
        pool: Pool,
        fits: FileCache[AnyFit],
        read: Callable[[Mapping[str, Any]], Counts],
    ) -> None:
        self._store = store
        self._pool = pool
        self._fits = fits
        self._read = read
        self._counts = FileCache(load_counts, _COUNTS_CACHED)

    @property
    def home(self) -> Path:
        """Folder of the runs."""
        return self._store.home

    @property
    def trouble(self) -> JobError | None:
        """Why `list` has only the jobs of this server, if the folder of the runs cannot be read."""
        return self._store.trouble

    def clean(self, now: float | None = None) -> int:
        """Remove what killed servers left half-written; return how many files and folders.

        Every server calls this at its start, and then from time to time.

        Parameters
        ----------
        now
            Seconds since the epoch; the present by default.
        """
        return self._store.clean(now)

    def status(self, id: str) -> JobStatus:
        """Status of one job.

        Raises
        ------
        JobError
            If there is no such job.
        """
        job = self._pool.get(id)
        if job is not None and job.wish is Wish.DELETE:
            raise no_such_job(id)
        status = job.status if job is not None else self._store.read(id)
        if status is None:
            raise no_such_job(id)
        return status

    def list(self) -> list[JobStatus]:
        """All jobs, the newest first."""
        # The disk first: a run that ends in between leaves memory only after it is on disk.
        on_disk = self._store.ids()
        jobs = self._pool.jobs()
        read = (self._store.read(id) for id in on_disk if id not in jobs)
        statuses = [status for status in read if status is not None]
        statuses += [job.status for job in jobs.values() if job.wish is not Wish.DELETE]
        return sorted(statuses, key=lambda status: (status.created, status.id), reverse=True)

    def whole(self, group: str) -> bool:
        """Whether all runs of a sweep may be seen."""
        return True

    def result(self, id: str) -> Any:
        """Result of a job: the value of a task, the fit of a run.

        While a fit runs, and after an interruption or a failure, this is its latest snapshot.
        None if there is nothing.

        Raises
        ------
        JobError
            If there is no such job.
        FitError
            If the file of the fit is damaged.
        """
        self.status(id)
        job = self._pool.get(id)
        if job is not None and job.status.kind == "task":
            return job.value
        snapshot = job.snapshot if job is not None else None
        if snapshot is not None:
            return snapshot()
        return next((self._fits.read(path) for path in self._store.fits(id)), None)

    def permit(self, id: str) -> None:
        """Raise an error unless the caller may change a job; here everybody may.

        Raises
        ------
        JobError
            If there is no such job, or it is not theirs to change.
        """
        self.status(id)

    def folder(self, id: str) -> Path:
        """The folder of a run; files added to it are deleted with the run.

        Raises
        ------
        JobError
            If there is no such run.
        """
        if id not in self._store:
            raise no_such_job(id)
        return self._store.path(id)

    def fit_file(self, id: str) -> Path | None:
        """The .h5ad of a run's fit, or of its last checkpoint if that is newer; None before.

        Raises
        ------
        JobError
            If there is no such run.
        FitError
            If it is a link.
        """
        self.folder(id)
        return next(iter(self._store.fits(id)), None)

    def factor_names(self, id: str, passes: int) -> tuple[str, ...]:
        """User-given names of the factors or topics of a run's fit with that number of passes.

        Empty if none were given since it was fitted; the fit itself may have older names.

        Raises
        ------
        JobError
            If there is no such run.
        """
        return factor_names.read(self.folder(id), passes)

    def cell_scores(self, id: str) -> CellScores | None:
        """The contributions of held-out cells to the score of a run; None without a score.

        Raises
        ------
        JobError
            If there is no such run.
        """
        self.folder(id)
        return read_cells(self._store, id)

    def fit_counts(self, id: str) -> sparse.csc_matrix | None:
        """The (C, G) counts that a run was fitted to; reading them may take seconds.

        None before the fit has ended, and if the counts were too large to save with it. The counts
        of the last two runs are cached: do not change the arrays.

        Raises
        ------
        JobError
            If there is no such run.
        FitError
            If the file of the fit is damaged.
        """
        path = self.folder(id) / FIT
        return self._counts.read(path) if path in self._store.fits(id) else None

    def other_half(self, id: str) -> sparse.csr_matrix:
        """The (C, G) half of the counts that a run is not fitted to.

        Raises
        ------
        DataError
            If the run has none that can be read.
        JobError
            If there is no such run.
        """
        self.folder(id)
        return halves.other_half(self._store, id)

    def read_counts(self, id: str) -> Counts:
        """Read the counts of the request and cells of a run, from its source as it is now.

        Raises
        ------
        DataError
            If the run has no data request, or its counts cannot be read.
        JobError
            If there is no such run.
        """
        status = self.status(id)
        if not status.request:
            raise DataError("a run whose counts are known", "none kept with it", "Fit it again.")
        return cell_subset.subset_of(self._store, status, self._read(status.request))

    def cells_of(self, id: str, n_cells: int) -> np.ndarray | None:
        """Positions of the cells of a run among those of its counts; None if it has all.

        Raises
        ------
        DataError
            If they cannot be read.
        JobError
            If there is no such run.
        """
        return cell_subset.positions(self._store, self.status(id), n_cells)
