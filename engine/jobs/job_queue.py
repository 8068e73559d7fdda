"""A first-in-first-out queue of jobs, served by one thread per device."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from engine.jobs.job import Job
from engine.jobs.job_status import JobError

# As `nice` counts: 0 is usual, 19 the lowest.
_NICE = "10"


class JobQueue:
    """A queue and the daemon threads that serve it, one for each device.

    Parameters
    ----------
    serve
        Function that does one job on one device; must not raise.
    devices
        Called on the first thread, because looking for devices can take seconds.
    nice
        Priority of the threads; see `niceness`.
    """

    def __init__(
        self,
        name: str,
        serve: Callable[[Job, Any], None],
        devices: Callable[[], Sequence[Any]],
        nice: int,
    ) -> None:
        self._name = name
        self._nice = nice
        self._serve = serve
        self._devices = devices
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._start(self._begin)

    def put(self, job: Job) -> None:
        """Add a job at the end of the queue."""
        self._queue.put(job)

    def close(self) -> None:
        """Let the threads end after the jobs in the queue."""
        self._queue.put(None)

    def join(self, timeout: float) -> bool:
        """Wait for the threads, at most ``timeout`` seconds; return whether all have ended."""
        deadline = time.monotonic() + timeout
        # The first thread starts the others: the list may grow while we wait for it.
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        name = f"logratio-{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _begin(self) -> None:
        _give_way(self._nice)
        first, *others = self._devices()
        for device in others:
            self._start(self._work, device)
        self._work(first)

    def _work(self, device: Any) -> None:
        while (job := self._queue.get()) is not None:
            self._serve(job, device)
            # The next get may wait for hours; nothing of this job may stay in memory for it.
            del job
            _make_room()
        self._queue.put(None)


def _make_room() -> None:
    if "jax" in sys.modules:
        from engine.fitting.compilation import make_room

        make_room()


def niceness() -> int:
    """Priority of background work, as for `nice`: LOGRATIO_NICE, 10 by default.

    Raises
    ------
    JobError
        If that is no whole number from 0 to 19.
    """
    given = os.environ.get("LOGRATIO_NICE") or _NICE
    if not (given.isdecimal() and int(given) <= 19):
        raise JobError(
            "LOGRATIO_NICE to be a whole number from 0 to 19", repr(given), "Change or unset it."
        )
    return int(given)


def _give_way(nice: int) -> None:
    """Lower the priority of this thread below those that answer people, on Linux.

    A fit takes all processors, and for a person who drags a selection a tenth of a second
    is long. With nothing else to do, the fit is as fast as before.
    """
    # Before the devices are looked for: the threads of XLA's own pool, which do the work,
    # inherit the priority of the thread that first asks for a device.
    # Elsewhere than on Linux this would slow down the whole process.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A low priority that the process was given already stays; only root may raise it.
        with suppress(OSError):
            lower = max(os.getpriority(os.PRIO_PROCESS, thread), nice)
            os.setpriority(os.PRIO_PROCESS, thread, lower)
