"""Jobs: the queue that all sessions of a server share."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.jobs import factor_names as names_file
from engine.jobs.cell_subset import CellSubset
from engine.jobs.endings import Outcome
from engine.jobs.file_cache import FileCache
from engine.jobs.fits import FitIter, FitRunner, engine_fit_iter, engine_load
from engine.jobs.job import Job, JobHandle, Wish
from engine.jobs.job_status import JobError, JobStatus, one_line
from engine.jobs.pool import FITS, Pool
from engine.jobs.runs import Runs
from engine.jobs.store import RunStore, default_home
from engine.registry import Config
from engine.results import load
from engine.validation import share

if TYPE_CHECKING:
    from engine.data import Counts, DataRequest

_FITS_CACHED = 4
_RESUMABLE = ("interrupted", "stopped", "failed")


class Jobs(Runs):
    """Background jobs: fits, saved on disk as runs, and other tasks, kept in memory only.

    Fits wait in one queue, served by one thread per device; other tasks have a thread of
    their own. All methods may be called from any thread and return at once. Sessions poll
    `status` or `list`. Runs of earlier servers, and of others that share the folder, are
    listed too.

    Parameters
    ----------
    home
        Folder of the runs; by default the environment variable LOGRATIO_HOME, else a
        folder under the user's data directory.
    fit_iter, load_counts, devices
        Functions that do the work: by default `engine.fit_iter`, `DataRequest.load` and
        `jax.devices`.
    checkpoint_every
        Seconds between two checkpoints of a running fit.

    Raises
    ------
    JobError
        If the folder cannot be used.
    """

    # The owner of new runs: nobody; `OwnJobs` sets it.
    who = ""

    def __init__(
        self,
        home: Path | None = None,
        *,
        fit_iter: FitIter = engine_fit_iter,
        load_counts: Callable[[Mapping[str, Any]], Counts] = engine_load,
        devices: Callable[[], Sequence[Any]] | None = None,
        checkpoint_every: float = 10.0,
    ) -> None:
        store = RunStore(default_home() if home is None else Path(home))
        cache = FileCache(load, _FITS_CACHED)
        runner = FitRunner(store, cache, fit_iter, load_counts, checkpoint_every=checkpoint_every)
        super().__init__(store, Pool(store, runner, devices), cache, load_counts)
        atexit.register(self.close)

    def submit_fit(
        self,
        request: DataRequest,
        config: Config,
        *,
        name: str | None = None,
        counts: Counts | None = None,
        subset: CellSubset | None = None,
        holdout: float = 0.0,
        split: bool = False,
        group: str = "",
    ) -> str:
        """Queue a fit.

        Parameters
        ----------
        request, name
            How to read the counts, now or when the run is resumed; a label for people.
        counts
            The counts of ``request``, if they are already loaded.
        subset
            Which cells to fit; all by default.
        holdout
            Share of the cells to hold out and score the fit on: the same cells for all models and
            sizes, given counts and seed.
        split
            Whether to fit half of each count; the other half is kept for tests of groups.
        group
            Id of the sweep that the run belongs to.

        Returns
        -------
        The id of the run.

        Raises
        ------
        ConfigError
            If ``holdout`` is not from 0 to below 1.
        JobError
            If the run cannot be written, or the server is closing.
        """
        share("holdout", holdout)
        data = Path(request.source).stem if counts is None else counts.name
        status = JobStatus.new(
            "fit",
            one_line(name) or f"{data} · {config.label}",
            request=request.to_dict(),
            config=config.to_dict(),
            subset=subset.to_dict() if subset is not None else {},
            holdout=float(holdout),
            split=split,
            group=group,
            owner=self.who,
        )
        with self._pool.lock:
            self._check_open()
            claim = self._store.create(status, subset.save if subset is not None else None)
            self._pool.add(Job(status, lock=self._pool.lock, claim=claim, counts=counts), FITS)
        return status.id

    def submit(self, name: str, work: Callable[[JobHandle], Any], *, queue: str = "cpu") -> str:
        """Queue other work: ``work(handle)`` on the one thread of its queue.

        The value it returns is the job's result; neither outlives the server.

        Returns
        -------
        The id of the job.

        Raises
        ------
        JobError
            If the server is closing.
        """
        status = JobStatus.new("task", name)
        with self._pool.lock:
            self._check_open()
            self._pool.add(Job(status, lock=self._pool.lock, work=work), queue)
        return status.id

    def stop(self, id: str) -> None:
        """Stop a job and keep the best result so far. Nothing happens if it has ended."""
        self._ask(id, Wish.STOP, "Stopping.")

    def cancel(self, id: str) -> None:
        """Stop a job and discard its result. Nothing happens if it has ended."""
        self._ask(id, Wish.CANCEL, "Cancelling.")

    def resume(self, id: str) -> None:
        """Queue an interrupted, stopped or failed run again; it goes on from its last saved fit.

        Nothing happens if it is queued or running.

        Raises
        ------
        JobError
            If there is nothing to resume, or another server has it.
        """
        with self._pool.lock:
            self._check_open()
            status = self.status(id)
            job = self._pool.get(id)
            if job is not None and (status.active or status.kind == "task"):
                return
            if job is not None:
                self._pool.forget(job)
            claim = self._store.lock(id)
            try:
                before = self._store.read(id)
                if before is not None and before.active:
                    before = before.interrupted()
                if before is None or before.state not in _RESUMABLE or not before.config:
                    got = f"{id} {before.state if before else 'deleted'}"
                    raise JobError(
                        "an interrupted, stopped or failed run", got, "Start a new fit instead."
                    )
                queued = before.requeued()
                self._store.write_status(queued)
            except BaseException:
                claim.release()
                raise
            self._pool.add(Job(queued, lock=self._pool.lock, claim=claim, before=before), FITS)

    def rename(self, id: str, name: str) -> None:
        """Change the label of a job.

        Raises
        ------
        JobError
            If there is no such job, the name is empty, or it cannot be written.
        """
        label = one_line(name)
        if not label:
            raise JobError("a name", "an empty one", "Type at least one character.")
        self._relabel(id, name=label)

    def share(self, id: str, shared: bool) -> None:
        """Let everybody on this server see a run, or only its owner.

        Raises
        ------
        JobError
            If there is no such run, or it cannot be written.
        """
        self._relabel(id, shared=shared)

    def name_factors(self, id: str, names: Sequence[str], passes: int) -> None:
        """Save user-given names of the factors or topics of a run, in order.

        Parameters
        ----------
        passes
            Passes of the fit that has this order; the order may change if the fit goes on.

        Raises
        ------
        JobError
            If there is no such run, or they cannot be written.
        """
        names_file.write(self.folder(id), names, passes)

    def delete(self, id: str) -> None:
        """Remove a job and its folder; a running one is cancelled first.

        Raises
        ------
        JobError
            If there is no such job, or another server is working on it.
        """
        with self._pool.lock:
            self.status(id)
            job = self._pool.get(id)
            if job is not None:
                job.ask(Wish.DELETE)
                if job.status.state != "running":
                    self._pool.finish(job, Outcome("cancelled", ""))
                return
            claim = self._store.lock(id)
            try:
                self._store.remove(id)
            finally:
                claim.release()

    def close(self, timeout: float = 5.0) -> None:
        """End all threads; queued and running fits become interrupted and can be resumed.

        Waits for the step that is being computed, at most ``timeout`` seconds.
        """
        if not self._pool.closed:
            self._pool.close(timeout)
        atexit.unregister(self.close)

    def _relabel(self, id: str, **changed: Any) -> None:
        """Change the labels of a job (name, sharing), on disk and in memory."""
        with self._pool.lock:
            if self.status(id).kind == "fit":
                self._store.label(id, **changed)
            job = self._pool.get(id)
            if job is not None:
                job.update(**changed)

    def _ask(self, id: str, wish: Wish, message: str) -> None:
        with self._pool.lock:
            status = self.status(id)
            job = self._pool.get(id)
            if job is None and status.active:
                raise JobError(
                    "a run of this server",
                    f"{id} in use by another server",
                    "Do this on the page of that server.",
                )
            if job is None or not status.active:
                return
            job.ask(wish)
            if status.state == "running":
                job.update(message=message)
            elif job.before is not None:
                self._pool.finish(job, Outcome(job.before.state, job.before.message))
            elif wish is Wish.STOP:
                self._pool.finish(job, Outcome("stopped", "Stopped before it began."))
            else:
                self._pool.finish(job, Outcome("cancelled", "Cancelled before it began."))

    def _check_open(self) -> None:
        if self._pool.closed:
            raise JobError("a running server", "one that is closing", "Start the server again.")
