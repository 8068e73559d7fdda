"""One queued or running job of this server: its status, and the wish to stop it."""

from __future__ import annotations

import functools
import math
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from engine.fitting.progress import Progress
from engine.jobs.job_status import JobStatus
from engine.jobs.locks import RunLock
from engine.results import AnyFit

if TYPE_CHECKING:
    from engine.data import Counts

_LONGEST_LOG = 500


class Wish(IntEnum):
    """What a job is to do. A stronger wish overrules a weaker one, whichever came first."""

    GO_ON = 0
    INTERRUPT = 1
    STOP = 2
    CANCEL = 3
    DELETE = 4


class Job:
    """State of a job that the worker writes and the sessions read, behind one lock.

    Parameters
    ----------
    lock
        Shared by all jobs of the server.
    claim
        The lock of the run's folder; None for a task, which has no folder.
    counts
        Counts that are already loaded; dropped at the end.
    work
        Function of a task; None for a fit.
    before
        Status of the run before it was resumed.
    """

    def __init__(
        self,
        status: JobStatus,
        *,
        lock: threading.RLock,
        claim: RunLock | None = None,
        counts: Counts | None = None,
        work: Callable[[JobHandle], Any] | None = None,
        before: JobStatus | None = None,
    ) -> None:
        self._lock = lock
        self._status = status
        self._wish = Wish.GO_ON
        self._snapshot: Callable[[], AnyFit] | None = None
        self.claim = claim
        self.counts = counts
        self.work = work
        self.before = before
        self.value: Any = None

    @property
    def status(self) -> JobStatus:
        """The newest snapshot."""
        return self._status

    @property
    def wish(self) -> Wish:
        """The strongest wish so far."""
        return self._wish

    @property
    def snapshot(self) -> Callable[[], AnyFit] | None:
        """Function that builds the fit as it is now, once; None before the first step."""
        return self._snapshot

    @snapshot.setter
    def snapshot(self, build: Callable[[], AnyFit]) -> None:
        self._snapshot = functools.cache(build)

    def ask(self, wish: Wish) -> None:
        """Set a wish; the worker reads it between two steps."""
        with self._lock:
            self._wish = max(self._wish, wish)

    def update(self, *, log: str | None = None, **changes: Any) -> JobStatus:
        """Replace the status; ``log`` adds a line."""
        with self._lock:
            if log is not None:
                changes["log"] = (*self._status.log, log)[-_LONGEST_LOG:]
            revision = self._status.revision + 1
            self._status = replace(self._status, revision=revision, **changes)
            return self._status

    def publish(self, progress: Progress[AnyFit]) -> None:
        """Show one step of a fit."""
        now, value = self._status, float(progress.log_marginal_per_cell)
        seconds, passes = float(progress.status.seconds), int(progress.status.passes)
        if progress.snapshot is None and self.snapshot is None:
            # Passes of the trial fits that choose the number of factors do not count.
            passes = 0
        trace = now.trace
        # The number of passes does not show this: it grows before the objective is known.
        if math.isfinite(value) and (not trace or value != trace[-1][1]):
            trace = (*trace, (seconds, value))
        left = progress.seconds_left
        with self._lock:
            if progress.snapshot is not None:
                self.snapshot = progress.snapshot
            self.update(
                log=progress.phase if progress.phase != now.phase else None,
                phase=progress.phase,
                fraction=min(max(float(progress.fraction), 0.0), 1.0),
                seconds=seconds,
                seconds_left=None if left is None or not math.isfinite(left) else float(left),
                passes=passes,
                n_failed_cells=int(progress.status.n_failed_cells),
                log_marginal_per_cell=value,
                gradient_median=float(progress.gradient_median),
                gradient_worst=float(progress.gradient_worst),
                trace=trace,
                peak_memory_mb=peak_memory_mb(),
            )

    def release(self) -> None:
        """Release the lock of the folder and everything large."""
        if self.claim is not None:
            self.claim.release()
        self.counts = self._snapshot = self.work = None


class JobHandle:
    """The part of a job that its own task may use."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def id(self) -> str:
        """Id of the job."""
        return self._job.status.id

    @property
    def stopping(self) -> bool:
        """Whether the task should return soon, with the result so far."""
        return self._job.wish > Wish.GO_ON

    @property
    def discarding(self) -> bool:
        """Whether the result of the task should be discarded."""
        return self._job.wish >= Wish.CANCEL

    def progress(self, fraction: float, phase: str = "") -> None:
        """Report the share that is done (0 to 1) and the current step."""
        self._job.update(fraction=min(max(fraction, 0.0), 1.0), phase=phase)

    def log(self, line: str) -> None:
        """Add a line to the job's log."""
        self._job.update(log=line)


def peak_memory_mb() -> float:
    """Largest resident memory of this process until now, MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
