"""Saves user-given names of factors and topics with the run, and reads them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from typing import Any

from dashboard.state import AppState, Notice
from engine.jobs import Jobs
from engine.results import AnyFit


class Naming:
    """Saves the names of the shown fit with its run.

    Parameters
    ----------
    fetcher
        Threads that read and write files.
    later
        ``later(future, then)`` calls ``then(future)`` at the next tick of the page once it is done.
    """

    def __init__(
        self,
        state: AppState,
        jobs: Jobs,
        fetcher: Executor,
        later: Callable[[Future[Any], Callable[[Any], None]], None],
    ) -> None:
        self._state, self._jobs, self._fetcher, self._later = state, jobs, fetcher, later
        self._known: tuple[str | None, list[str]] = (None, [])
        state.param.watch(self._keep, "names")

    def came(self, fit: AnyFit, saved: Sequence[str]) -> list[str]:
        """Names of a fit to show: those saved with its run, if there is one for each factor."""
        names = list(saved) if len(saved) == fit.n_factors else fit.factor_names
        self._known = self._state.run, names
        return names

    def _keep(self, *_events: object) -> None:
        run, fit, names = self._state.run, self._state.fit, self._state.names
        if run is None or fit is None or not names or (run, names) == self._known:
            return
        self._known = run, names

        def check(written: Future[Any]) -> None:
            if (error := written.exception()) is not None:
                self._state.run_error = Notice.of(error)

        passes = fit.status.passes
        self._later(self._fetcher.submit(self._jobs.name_factors, run, names, passes), check)


def fetch(jobs: Jobs, run: str) -> tuple[AnyFit | None, tuple[str, ...]]:
    """The fit of a run, and the names saved with the run."""
    fit = jobs.result(run)
    return fit, () if fit is None else jobs.factor_names(run, fit.status.passes)


def distinct(name: str, taken: Iterable[str]) -> str:
    """A name, with a number appended if it is taken."""
    known, candidate, number = set(taken), name, 1
    while candidate in known:
        number += 1
        candidate = f"{name} ({number})"
    return candidate
