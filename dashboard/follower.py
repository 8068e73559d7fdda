"""Follower: starts the job of an artefact of the shown run, and reads the result."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import param

from dashboard.services import Services
from dashboard.state import AppState, Notice
from engine.errors import EngineError
from engine.jobs.artefact import Artefact


class Follower(param.Parameterized):
    """One session's view of an artefact.

    Parameters
    ----------
    services
        Their ``working`` has the job of each artefact and run, so that a reloaded page, or a second
        page, shows its progress.
    later
        ``later(future, then)`` calls ``then(future)`` at the next tick of the page once it is done.
    """

    result: Any = param.Parameter(doc="The artefact of the shown fit, or None.")
    progress = param.String(doc="Progress of its job; empty if there is none.")

    def __init__(
        self,
        artefact: Artefact[Any],
        state: AppState,
        services: Services,
        later: Callable[[Future[Any], Callable[[Any], None]], None],
    ) -> None:
        super().__init__()
        self.artefact, self.state, self._later = artefact, state, later
        self._jobs, self._fetcher, self._working = services.jobs, services.fetcher, services.working
        self._looked_at: object = None
        self._looks = 0
        self._followed: str | None = None
        state.param.watch(self._forget, "fit")

    def start(self, *arguments: Any) -> None:
        """Start the job with these arguments, unless it is running."""
        state, run = self.state, self.state.run
        if state.fit is None or state.partial or run is None or self._job(run) is not None:
            return
        try:
            job = self.artefact.submit(self._jobs, run, *arguments)
        except EngineError as error:
            state.run_error = Notice.of(error)
        else:
            self._working[self.artefact.name, run] = self._followed = job
            self.progress = "waiting"

    def tick(self) -> None:
        """Update the progress, and fetch the artefact once its job has ended."""
        state, run = self.state, self.state.run
        if state.fit is None or state.partial or run is None:
            return
        if self._looked_at is not state.fit:
            self._looked_at = state.fit
            self._look(self.looked)
        # Another page or card may have removed the ended job from ``working`` first.
        job = self._followed = self._job(run) or self._followed
        if job is None:
            return
        status = self._jobs.status(job)
        if status.active:
            self.progress = f"{status.phase or 'waiting'}, {100 * status.fraction:.0f} %"
            return
        self._working.pop((self.artefact.name, run), None)
        self._followed = None
        self.progress = ""
        if status.state == "failed":
            what = f"the {self.artefact.name} of this run"
            state.run_error = Notice(what, status.message, "See above.")
            self.failed()
        else:
            self._look(self.ended)

    def looked(self) -> None:
        """Called after the saved artefact of a newly shown fit was read, if it has one."""

    def ended(self) -> None:
        """Called after the job has ended and its artefact was read, if it made one."""

    def failed(self) -> None:
        """Called after the job has failed."""

    def _job(self, run: str) -> str | None:
        return self._working.get((self.artefact.name, run))

    def _forget(self, *_events: object) -> None:
        # A run that is opened again may have the same fit object.
        self._looked_at = self._followed = None
        self.param.update(result=None, progress="")

    def _look(self, then: Callable[[], None]) -> None:
        run, fit = self.state.run, self.state.fit
        self._looks += 1
        number = self._looks

        def show(done: Future[Any]) -> None:
            # An answer that is older than the last request is dropped.
            if number != self._looks:
                return
            # If the run was deleted meanwhile, another part of the page shows the error.
            if fit is self.state.fit and done.exception() is None:
                self.result = done.result()
                then()

        self._later(self._fetcher.submit(self.artefact.read, self._jobs, run or ""), show)
