"""The end of a job: its state and message, and writing them to disk."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, replace

from engine.jobs.failures import describe, is_expected
from engine.jobs.job import Job, Wish, peak_memory_mb
from engine.jobs.job_status import JobState, JobStatus
from engine.jobs.store import CHECKPOINT, FIT, LOG, RunStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """The state in which a job ends, and the reason in words."""

    state: JobState
    message: str


CANCELLED = Outcome("cancelled", "Cancelled; nothing was kept.")


def failure(store: RunStore, job: Job, error: BaseException) -> Outcome:
    """The outcome of an error, in one plain line; an unforeseen traceback goes to the run's log."""
    if job.wish >= Wish.CANCEL:
        return CANCELLED
    message = describe(error)
    if is_expected(error):
        return Outcome("failed", message)
    if job.status.kind == "task":
        _log.error("The task %s failed", job.status.name, exc_info=error)
        return Outcome("failed", message)
    path = store.path(job.status.id, LOG)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        _log.error("The run %s failed: %s", job.status.id, message)
        return Outcome("failed", message)
    return Outcome("failed", f"{message}. The full report is in {path}.")


def write_end(store: RunStore, job: Job, outcome: Outcome) -> bool:
    """End a job, in memory and on disk; return whether it may be dropped from memory."""
    status = job.update(
        state=outcome.state,
        phase="",
        message=outcome.message,
        fraction=1.0 if outcome.state == "done" else job.status.fraction,
        seconds_left=None,
        peak_memory_mb=peak_memory_mb(),
        log=f"{outcome.state}: {outcome.message}" if outcome.message else outcome.state,
    )
    if status.kind == "task":
        job.release()
        return False
    try:
        if job.wish is Wish.DELETE:
            store.remove(status.id)
        else:
            _write_end_of_run(store, job, status)
    # The job then stays in memory, so that people see how it ended. The queue must go on.
    except Exception as error:
        unforeseen = None if is_expected(error) or isinstance(error, OSError) else error
        words = "The end of the run %s could not be written: %s"
        _log.error(words, status.id, describe(error), exc_info=unforeseen)
        job.update(log=f"the end could not be written: {describe(error)}")
        return False
    return True


def _write_end_of_run(store: RunStore, job: Job, status: JobStatus) -> None:
    checkpoint = store.path(status.id, CHECKPOINT)
    if status.state == "cancelled":
        checkpoint.unlink(missing_ok=True)
        if job.before is not None and store.path(status.id, FIT).exists():
            status = replace(
                job.before,
                state="stopped",
                message="Cancelled; the fit from before it was resumed is kept.",
                revision=status.revision,
            )
    store.write_status(status)
    if status.state in ("done", "stopped") and store.path(status.id, FIT).exists():
        checkpoint.unlink(missing_ok=True)
