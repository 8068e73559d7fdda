"""Predictive checks of runs as background jobs, shared by all sessions of the server."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from engine.jobs import check_file
from engine.jobs.checking import (
    DRAWN,
    READ,
    SOUGHT,
    TESTED,
    Checked,
    CheckRequest,
    finding_first,
    missed_iter,
    pull,
    quality_iter,
    replicate,
    structure_iter,
    summary,
)
from engine.jobs.failures import describe
from engine.jobs.fitted_counts import counts_of
from engine.jobs.job import JobHandle
from engine.jobs.job_status import JobError
from engine.jobs.manager import Jobs
from engine.jobs.runs import Runs
from engine.results import AnyFit

_QUEUE = "checks"
# For all sessions together; each check may hold some tens of MB of tables.
_MOST_CACHED = 6


class _Test(NamedTuple):
    """A test besides the draws: the field of its result, its range of the progress, its words."""

    outcome: str
    begins: float
    ends: float
    words: str


_SEEKING = _Test("missed", READ, SOUGHT, "looking for pairs of genes that the fit misses")
_LOOKING = _Test("structure", DRAWN, TESTED, "looking for what the factors miss")
_TESTING = _Test("quality", TESTED, 1.0, "testing the approximation")


@dataclass(frozen=True)
class _Known:
    run: str
    passes: int
    request: CheckRequest
    cells: str
    keep: bool


class Checks:
    """The checks of a server. All methods may be called from any thread and return at once."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        # By the id of the job, the newest at the end.
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._test_results: OrderedDict[tuple[str, str, int, str], Any] = OrderedDict()

    def submit(
        self,
        run: str,
        fit: AnyFit,
        request: CheckRequest,
        cells: np.ndarray | None = None,
        *,
        keep: bool = True,
    ) -> str:
        """Queue a check of a run's fit on the counts that it was fitted to.

        If an equal check is queued, running or done, its job is returned. The result of the job
        is a `Checked`, or None if it was stopped. The summary of a check of all cells is saved
        with the run, see `check_summary`.

        Parameters
        ----------
        cells
            (C,) mask of the cells to check; all by default.
        keep
            Whether to save that summary; not for a run of somebody else.

        Returns
        -------
        The id of the job.

        Raises
        ------
        JobError
            If the server is closing.
        """
        subset = "" if cells is None else _digest(cells)
        wanted = _Known(run, fit.status.passes, request, subset, keep)
        with self._lock:
            for id, known in self._known.items():
                # A check that saves its summary also serves a request that would not.
                same = known in (wanted, replace(wanted, keep=True))
                if same and self._is_useful(id):
                    self._known.move_to_end(id)
                    return id
            work = partial(self._work, run, fit, request, cells, keep)
            id = self._jobs.submit(f"check of {run}", work, queue=_QUEUE)
            self._known[id] = wanted
            self._forget()
        return id

    def latest(self, run: str, fit: AnyFit) -> str | None:
        """Job of the last check of this fit that is queued, running or done; else None."""
        passes = fit.status.passes
        with self._lock:
            for id in reversed(self._known):
                known = self._known[id]
                if (known.run, known.passes) == (run, passes) and self._is_useful(id):
                    return id
        return None

    def request(self, id: str) -> CheckRequest | None:
        """Settings of a check; None if the server no longer knows it."""
        with self._lock:
            known = self._known.get(id)
        return None if known is None else known.request

    def _is_useful(self, id: str) -> bool:
        with suppress(JobError):
            return self._jobs.status(id).state in ("queued", "running", "done")
        return False

    def _forget(self) -> None:
        """Drop the oldest ended checks."""
        for id in list(self._known)[: max(len(self._known) - _MOST_CACHED, 0)]:
            with suppress(JobError):
                if self._jobs.status(id).active:
                    continue
                self._jobs.delete(id)
            del self._known[id]

    def _work(
        self,
        run: str,
        fit: AnyFit,
        request: CheckRequest,
        cells: np.ndarray | None,
        keep: bool,
        handle: JobHandle,
    ) -> Checked | None:
        began = time.monotonic()
        handle.progress(0.0, "reading counts")
        counts = counts_of(self._jobs, run, fit)
        run_test = partial(self._run_test, run, fit, handle)
        subset = "" if cells is None else _digest(cells)
        missed = run_test(_SEEKING, lambda: missed_iter(fit, counts, cells), subset)
        check = replicate(fit, counts, request, cells, handle, missed)
        if check is None:
            return None
        structure, laplace = None, None
        if fit.can("structure"):
            structure = run_test(_LOOKING, lambda: structure_iter(fit, counts))
        if fit.can("laplace_test"):
            laplace = run_test(_TESTING, lambda: quality_iter(fit, counts))
        if handle.stopping:
            return None
        check = finding_first(check, structure, missed)
        result = Checked(request, check, laplace, time.monotonic() - began, fit)
        if cells is None and keep:
            _write(self._jobs, run, fit, result, handle)
        return result

    def _run_test(
        self,
        run: str,
        fit: AnyFit,
        handle: JobHandle,
        test: _Test,
        steps: Callable[[], Iterator[Any]],
        cells: str = "",
    ) -> Any:
        """Result of a test of the fit, run once for a fit and a choice of cells.

        None if the test failed or the job is to stop.
        """
        key = test.outcome, run, fit.status.passes, cells
        with self._lock:
            known = self._test_results.get(key)
        if known is None and not handle.stopping:
            try:
                known = pull(
                    steps(),
                    lambda step: getattr(step, test.outcome),
                    handle,
                    lambda share: handle.progress(
                        test.begins + share * (test.ends - test.begins), test.words
                    ),
                )
            except Exception as error:
                # The predictive check stands on its own.
                handle.log(f"{test.words} failed: {describe(error)}")
            if known is not None:
                with self._lock:
                    self._test_results[key] = known
                    while len(self._test_results) > 3 * _MOST_CACHED:
                        self._test_results.popitem(last=False)
        return known


def check_summary(jobs: Runs, run: str, mode: str | None = None) -> dict[str, Any] | None:
    """Summary of the last check of all cells of a run, from its file.

    Parameters
    ----------
    mode
        Mode of the check; any by default.

    Returns
    -------
    ``PredictiveCheck.summary()``, with ``misfits`` the numbers of genes by discrepancy, and
    ``date`` (ISO 8601), ``passes``, ``fit`` (a digest of it) and ``laplace`` (its warning, or
    None). None if the fit was not checked, or has gone on since.

    Raises
    ------
    JobError
        If there is no such run.
    """
    return check_file.latest(jobs.folder(run), jobs.status(run).passes, mode)


def _write(jobs: Runs, run: str, fit: AnyFit, result: Checked, handle: JobHandle) -> None:
    """Save the summary of a check with the run, one for each mode."""
    try:
        values = summary(fit, result.check, result.laplace)
        check_file.keep(jobs.folder(run), result.request.mode, values)
    except (OSError, JobError) as error:
        handle.log(f"the summary could not be kept: {describe(error)}")


def _digest(cells: np.ndarray) -> str:
    return hashlib.blake2b(np.packbits(cells).tobytes(), digest_size=16).hexdigest()
