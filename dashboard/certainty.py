"""Certainty: starts the uncertainty job of a run, and shows its result with the run."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from dashboard.state import AppState, Notice
from engine.errors import EngineError
from engine.jobs import Jobs, kept_uncertainty, submit_uncertainty


class Certainty:
    """Sets ``state.uncertainty`` to the uncertainty of the shown fit.

    Parameters
    ----------
    fetcher
        Threads that read and write files.
    later
        ``later(future, then)`` calls ``then(future)`` at a tick of the page after it is done.
    working
        Id of the uncertainty job of each run, shared by all sessions, so that a page that is
        reloaded, or a second page, shows its progress.
    """

    def __init__(
        self,
        state: AppState,
        jobs: Jobs,
        fetcher: Executor,
        later: Callable[[Future[Any], Callable[[Any], None]], None],
        working: dict[str, str],
    ) -> None:
        self._working = working
        self._state, self._jobs, self._fetcher, self._later = state, jobs, fetcher, later
        self._fetched: object = None
        self._fetches = 0
        state.param.watch(self._ask, "doubt")
        state.param.watch(self._fade, "fade")

    def tick(self) -> None:
        """Update the progress, and fetch the result once the job has ended."""
        state = self._state
        if state.fit is None or state.partial or state.run is None:
            return
        if self._fetched is not state.fit:
            self._fetched = state.fit
            self._fetch(self._fade)
        job = self._working.get(state.run)
        if job is None:
            return
        status = self._jobs.status(job)
        if status.active:
            state.doubting = f"{status.phase or 'waiting'}, {100 * status.fraction:.0f} %"
            return
        self._working.pop(state.run, None)
        state.doubting = ""
        if status.state == "failed":
            state.fade = 1.0
            state.run_error = Notice("the uncertainty of this run", status.message, "See above.")
        else:
            self._fetch(self._unveil)

    def _fetch(self, then: Callable[[], None]) -> None:
        run, fit = self._state.run, self._state.fit
        self._fetches += 1
        number = self._fetches

        def show(done: Future[Any]) -> None:
            # An answer that is older than the last request is dropped.
            if number != self._fetches:
                return
            # A run that was deleted meanwhile has none, and says so elsewhere.
            if fit is self._state.fit and done.exception() is None:
                self._state.uncertainty = done.result()
                then()

        self._later(self._fetcher.submit(kept_uncertainty, self._jobs, run or ""), show)

    def _fade(self, *_events: object) -> None:
        state = self._state
        # Correlations of topics have no such intervals.
        fit, known = state.fit, state.uncertainty
        if state.fade < 1 and known is None and fit is not None and fit.can("pair_uncertainty"):
            state.doubt = "delta"

    def _unveil(self) -> None:
        # The work was stopped: nothing is veiled, and the choice can be made again.
        if self._state.uncertainty is None:
            self._state.fade = 1.0

    def _ask(self, *_events: object) -> None:
        state, method = self._state, self._state.doubt
        if not method:
            return
        state.doubt = ""
        if state.fit is None or state.partial or state.run is None or state.run in self._working:
            return
        try:
            self._working[state.run] = submit_uncertainty(
                self._jobs, state.run, method, state.n_boot
            )
        except EngineError as error:
            state.run_error = Notice.of(error)
        else:
            state.doubting = "waiting"
