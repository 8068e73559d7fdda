"""Artefact: a result that a background job computes of a run and saves in its folder."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from engine.jobs.fitted_counts import counts_of
from engine.jobs.job import JobHandle
from engine.jobs.job_status import JobError
from engine.jobs.manager import Jobs
from engine.jobs.runs import Runs
from engine.results import AnyFit

if TYPE_CHECKING:
    from engine.data import Counts

_log = logging.getLogger(__name__)


class Work:
    """Inputs of the job of an artefact, and its progress.

    Attributes
    ----------
    fit
        Fit of the run.
    """

    def __init__(self, jobs: Jobs, run: str, fit: AnyFit, handle: JobHandle) -> None:
        self._jobs, self._run, self.fit, self._handle = jobs, run, fit, handle
        self._folder = jobs.folder(run)

    def counts(self) -> Counts:
        """The counts that were fitted, read now; DataError if they have changed."""
        self.progress(0.0, "reading the counts")
        return counts_of(self._jobs, self._run, self.fit)

    def path_of(self, file: str) -> Path:
        """The path of a file in the folder of the run."""
        return self._folder / file

    def progress(self, fraction: float, words: str) -> None:
        """Report the share that is done (0 to 1) and the current step."""
        self._handle.progress(fraction, words)

    @property
    def stopping(self) -> bool:
        """Whether to return soon, with a partial result or None: cancelled, or the run deleted."""
        return self._handle.stopping or not self._folder.is_dir()


class Artefact[T](ABC):
    """Base of an artefact, one of each run at most.

    Attributes
    ----------
    name
        Used in the names of its jobs, and in messages.
    file
        Name of its file in the folder of the run.
    owned
        Whether only the owner of a run may have it computed, because it replaces what all see.
    """

    name: ClassVar[str]
    file: ClassVar[str]
    owned: ClassVar[bool] = True

    @abstractmethod
    def work(self, work: Work, *settings: Any) -> T | None:
        """Compute it; None if the job was stopped with too little to save."""

    @abstractmethod
    def save(self, result: T, path: Path, fit: AnyFit) -> None:
        """Write it in place of an older one, with what identifies the fit for `load`."""

    @abstractmethod
    def load(self, path: Path, passes: int, fit: AnyFit | None = None) -> T | None:
        """Read it; None if it is not of the fit after that number of passes.

        Any error means that the file is damaged.
        """

    def submit(self, jobs: Jobs, run: str, *settings: Any, fit: AnyFit | None = None) -> str:
        """Queue a job that computes it and saves it; returns at once.

        The result of the job is the artefact. A job that is cancelled saves nothing.

        Parameters
        ----------
        fit
            The fit of the run, if it is already loaded.

        Returns
        -------
        The id of the job, a task.

        Raises
        ------
        JobError
            If there is no such run, it is somebody else's, or the server is closing.
        """
        name = jobs.status(run).name
        folder = jobs.folder(run)
        if self.owned:
            jobs.permit(run)

        def work(handle: JobHandle) -> T | None:
            of = fit or jobs.result(run)
            if of is None:
                raise JobError("a run with a fit", f"none in {run}", "Wait until it has one.")
            result = self.work(Work(jobs, run, of, handle), *settings)
            if result is not None and not handle.discarding:
                self.save(result, folder / self.file, of)
            return result

        return jobs.submit(f"{self.name} of {name}", work)

    def read(
        self, jobs: Runs, run: str, passes: int | None = None, fit: AnyFit | None = None
    ) -> T | None:
        """The saved artefact of a run.

        None if there is none that can be read, or if the run has gone on since.

        Parameters
        ----------
        passes, fit
            The fit that it must belong to; by default the one after the passes of the run.

        Raises
        ------
        JobError
            If there is no such run.
        """
        path = jobs.folder(run) / self.file
        if not path.is_file():
            return None
        passes = jobs.status(run).passes if passes is None else passes
        # A damaged file raises anything; it can be computed again.
        try:
            return self.load(path, passes, fit)
        except Exception as error:
            _log.warning("%s cannot be used: %s", path, error)
            return None
