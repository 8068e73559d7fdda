"""Runs one fit: takes its steps, publishes them, saves checkpoints and ends the job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from engine.errors import DataError, FitError
from engine.fitting.progress import Progress
from engine.jobs import factor_names
from engine.jobs.cell_subset import subset_of
from engine.jobs.endings import CANCELLED, Outcome
from engine.jobs.failures import describe
from engine.jobs.file_cache import FileCache
from engine.jobs.halves import set_half_aside
from engine.jobs.job import Job, Wish
from engine.jobs.job_status import JobError
from engine.jobs.scoring import score, set_aside
from engine.jobs.store import CHECKPOINT, FIT, RunStore
from engine.jobs.structure_phase import with_structure_search
from engine.registry import Config, config_from_dict
from engine.results import AnyFit, load, selection_of, stopped_by_user

if TYPE_CHECKING:
    from engine.data import Counts

# A checkpoint must not cost more than this share of the time.
_CHECKPOINT_SHARE = 0.05


class FitIter(Protocol):
    """Signature of `engine.fit_iter`."""

    def __call__(
        self, counts: Counts, config: Config, *, start: AnyFit | None = None
    ) -> Iterator[Progress[AnyFit]]:
        """Yield the steps of a fit, which counts passes and seconds from its own beginning."""
        ...


def engine_fit_iter(
    counts: Counts, config: Config, *, start: AnyFit | None = None
) -> Iterator[Progress[AnyFit]]:
    """`engine.fit_iter`, imported at the first fit, then the search for what the factors miss."""
    import engine

    return with_structure_search(engine.fit_iter(counts, config, start=start), counts)


def engine_load(request: Mapping[str, Any]) -> Counts:
    """Read the counts that a request asks for."""
    from engine.data import DataRequest

    return DataRequest.from_dict(request).load()


class FitRunner:
    """Runs fits one after another, each in the folder of its run.

    Parameters
    ----------
    checkpoint_every
        Seconds between two checkpoints.
    """

    def __init__(
        self,
        store: RunStore,
        cache: FileCache[AnyFit],
        fit_iter: FitIter,
        load_counts: Callable[[Mapping[str, Any]], Counts],
        *,
        checkpoint_every: float,
    ) -> None:
        self._store = store
        self._cache = cache
        self._fit_iter = fit_iter
        self._load_counts = load_counts
        self._checkpoint_every = checkpoint_every

    def run(self, job: Job, device: Any) -> Outcome:
        """Fit until the end, or until the job is to stop. Raises what the fit raises."""
        import jax
        from threadpoolctl import threadpool_limits

        start = self._start(job)
        job.update(phase="reading counts")
        # NumPy does little of a fit, but its BLAS threads spin between two calls and take
        # processors from XLA's threads, which have a lower priority (see `JobQueue`).
        with jax.default_device(device), threadpool_limits(1, "blas"):
            counts = job.counts if job.counts is not None else self._load_counts(job.status.request)
            for line in counts.report.lines():
                job.update(log=line)
            counts = subset_of(self._store, job.status, counts)
            counts, held_out = set_aside(job, counts)
            counts = set_half_aside(self._store, job.status, counts)
            if start is not None:
                _check_same_counts(start, counts)
                job.update(log=f"going on from pass {job.status.passes}")
            last = None
            if job.wish is Wish.GO_ON:
                config = config_from_dict(job.status.config)
                last = self._drive(job, self._fit_iter(counts, config, start=start), start)
            return self._end(job, last, counts, held_out)

    def _start(self, job: Job) -> AnyFit | None:
        id = job.status.id
        self._store.sweep(id)
        for path in self._store.fits(id):
            try:
                start = load(path)
            # A damaged file raises anything; the run can begin again without it.
            except Exception as error:
                job.update(log=f"{path.name} cannot be used: {describe(error)}")
                continue
            given = factor_names.read(self._store.path(id), start.status.passes)
            if len(given) == start.n_factors:
                start = start.changed(names=given)
                # Names without a number of passes are of this fit, not of a later one.
                factor_names.write(self._store.path(id), given, start.status.passes)
            job.snapshot = partial(_same, start)
            return start
        return None

    def _drive(
        self, job: Job, steps: Iterator[Progress[AnyFit]], start: AnyFit | None
    ) -> Progress[AnyFit] | None:
        last, due = None, 0.0
        with closing(cast(Any, steps)):
            for last in steps:
                if start is not None and start.names and last.snapshot is not None:
                    last = replace(last, snapshot=partial(_named, last.snapshot, start))
                job.publish(last)
                running = last.status.state == "running"
                if running and last.snapshot is not None and time.monotonic() >= due:
                    due = time.monotonic() + self._checkpoint(job)
                if job.wish > Wish.GO_ON:
                    break
        return last

    def _end(
        self, job: Job, last: Progress[AnyFit] | None, counts: Counts, held_out: Counts | None
    ) -> Outcome:
        finished = last is not None and last.status.state != "running"
        whole = finished or job.wish is Wish.STOP
        # Scored before it is saved: until then an earlier fit of the run may be kept instead.
        if whole and held_out is not None and job.snapshot is not None:
            whole = score(self._store, job, held_out)
        if job.wish >= Wish.CANCEL:
            return CANCELLED
        if job.wish is Wish.INTERRUPT and not (finished and whole):
            self._checkpoint(job)
            return Outcome("interrupted", job.status.interrupted().message)
        if job.snapshot is None:
            if job.wish is Wish.STOP:
                return Outcome("stopped", "Stopped before the first pass; there is no fit.")
            raise FitError("a fit", "none after the last pass", "Report this with the run's log.")
        fit = job.snapshot()
        if not finished:
            fit = fit.changed(status=stopped_by_user(fit.status))
        # From these, a report of the file alone says how to repeat the fit.
        settings: dict[str, Any] = {
            name: getattr(job.status, name) for name in ("holdout", "split")
        }
        settings["request"] = dict(job.status.request)
        settings["subset"] = dict(job.status.subset)
        fit = fit.changed(data=fit.data | settings)
        job.update(phase="saving", seconds_left=None)
        path = fit.save(self._store.path(job.status.id, FIT), counts=counts.matrix())
        self._cache.add(path, fit)
        if (selection := selection_of(fit)) is not None:
            job.update(log=selection.reason, config=fit.config.to_dict())
            # The saved fit has the configuration too.
            with suppress(JobError):
                self._store.label(job.status.id, config=job.status.config)
        return Outcome("done" if finished else "stopped", fit.status.reason)

    def _checkpoint(self, job: Job) -> float:
        """Save the fit as it is now; returns the seconds until the next checkpoint."""
        began = time.monotonic()
        if job.snapshot is not None:
            try:
                job.snapshot().save(self._store.path(job.status.id, CHECKPOINT))
                self._store.write_status(job.status)
            except (FitError, JobError) as error:
                job.update(log=f"the checkpoint could not be written: {error}")
        cost = time.monotonic() - began
        return max(self._checkpoint_every, cost / _CHECKPOINT_SHARE)


def _same(fit: AnyFit) -> AnyFit:
    return fit


def _named(build: Callable[[], AnyFit], start: AnyFit) -> AnyFit:
    fit = build()
    return fit.changed(names=factor_names.carried(start, fit))


def _check_same_counts(start: AnyFit, counts: Counts) -> None:
    before = start.data.get("fingerprint", counts.fingerprint)
    if before != counts.fingerprint:
        raise DataError(
            "the counts that this run began with",
            f"{counts.name} has changed since",
            "Start a new fit, or bring the earlier file back.",
        )
