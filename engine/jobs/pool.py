"""The jobs of this server, and the threads that do them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from engine.jobs.endings import CANCELLED, Outcome, failure, write_end
from engine.jobs.fits import FitRunner
from engine.jobs.job import Job, JobHandle, Wish
from engine.jobs.job_queue import JobQueue, niceness
from engine.jobs.store import RunStore

FITS = "fits"
_MOST_TASKS = 100


class Pool:
    """Queued and running fits, and all tasks.

    A fit that has ended is read from disk, where another server may rename or delete it.
    A caller that reads a job and then acts on it holds ``lock`` for both.

    Parameters
    ----------
    devices
        Devices of the threads that fit; `jax.devices` by default.
    """

    def __init__(
        self, store: RunStore, runner: FitRunner, devices: Callable[[], Sequence[Any]] | None
    ) -> None:
        self.lock = threading.RLock()
        self.closed = False
        self._store = store
        self._runner = runner
        self._devices = devices or _jax_devices
        self._nice = niceness()
        self._jobs: dict[str, Job] = {}
        self._queues: dict[str, JobQueue] = {}

    def get(self, id: str) -> Job | None:
        """The job with an id; None if this server has none."""
        with self.lock:
            return self._jobs.get(id)

    def jobs(self) -> dict[str, Job]:
        """All jobs of this server by id, the oldest first."""
        with self.lock:
            return dict(self._jobs)

    def add(self, job: Job, queue: str) -> None:
        """Put a job at the end of its queue."""
        with self.lock:
            self._jobs[job.status.id] = job
            if queue not in self._queues:
                devices = self._devices if queue == FITS else _no_device
                self._queues[queue] = JobQueue(queue, self._serve, devices, self._nice)
            self._queues[queue].put(job)

    def finish(self, job: Job, outcome: Outcome) -> None:
        """End a job, and drop it from memory if it is on disk or was deleted."""
        with self.lock:
            if write_end(self._store, job, outcome) or job.wish is Wish.DELETE:
                self.forget(job)
            ended = [
                other
                for other in self._jobs.values()
                if other.status.kind == "task" and not other.status.active
            ]
            for old in ended[: max(len(ended) - _MOST_TASKS, 0)]:
                self.forget(old)

    def forget(self, job: Job) -> None:
        """Drop a job from memory and release its folder."""
        with self.lock:
            del self._jobs[job.status.id]
            job.release()

    def close(self, timeout: float) -> None:
        """Interrupt all jobs, then wait for the threads, at most ``timeout`` seconds."""
        with self.lock:
            self.closed = True
            for job in self.jobs().values():
                job.ask(Wish.INTERRUPT)
                if job.status.state == "queued":
                    message = job.status.interrupted().message
                    self.finish(job, Outcome("interrupted", message))
            queues = list(self._queues.values())
        deadline = time.monotonic() + timeout
        for queue in queues:
            queue.close()
        for queue in queues:
            queue.join(max(deadline - time.monotonic(), 0.0))

    def _serve(self, job: Job, device: Any) -> None:
        with self.lock:
            if job.status.state != "queued":
                return
            status = job.update(state="running", phase="starting")
        try:
            if status.kind == "task":
                outcome = _do_task(job)
            else:
                self._store.write_status(status)
                outcome = self._runner.run(job, device)
        # Some compiled libraries panic with a BaseException; the queue must go on.
        except BaseException as error:
            outcome = failure(self._store, job, error)
        self.finish(job, outcome)


def _do_task(job: Job) -> Outcome:
    assert job.work is not None
    began = time.monotonic()
    value = job.work(JobHandle(job))
    if job.wish >= Wish.CANCEL:
        return CANCELLED
    job.value = value
    job.update(seconds=time.monotonic() - began)
    return Outcome("stopped" if job.wish is Wish.STOP else "done", "")


def _jax_devices() -> Sequence[Any]:
    import jax

    try:
        return list(jax.devices())
    except RuntimeError:
        # The fit itself will raise the same error.
        return [None]


def _no_device() -> Sequence[Any]:
    return [None]
