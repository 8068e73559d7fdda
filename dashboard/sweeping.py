"""Sweeper: starts runs with several numbers of topics or factors, and compares them."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

from dashboard import formula_edits
from dashboard.fitted_cells import fitted_cells
from dashboard.opener import refusal
from dashboard.state import AppState, Notice
from engine.errors import EngineError
from engine.jobs import Jobs, numbers, stop_sweep, submit_sweep, sweep_of
from engine.selection import check_counts


class Sweeper:
    """One session's sweeps. Nothing here blocks: fits are compared in a thread of the server."""

    def __init__(self, state: AppState, jobs: Jobs, threads: Executor) -> None:
        self.state, self.jobs, self._threads = state, jobs, threads
        self._request: tuple[Any, ...] = ()
        self._working: tuple[str, Future[Any]] | None = None

    def start(self) -> None:
        """Queue a run for each chosen number, and show the sweep."""
        state = self.state
        if state.loaded is None or not state.ready:
            state.run_error = refusal(state)
            return
        try:
            config = state.config()
            subset = None
            if (counts := state.counts) is not None:
                subset = fitted_cells(counts, None, formula_edits.formula_of(state))
                check_counts(counts, config, None if subset is None else subset.mask)
            sweep = submit_sweep(
                self.jobs,
                state.loaded,
                config,
                numbers(state.tried),
                seeds=state.tried_seeds,
                holdout=state.held_out / 100,
                counts=counts,
                subset=subset,
            )
        except EngineError as error:
            state.run_error = Notice.of(error)
            return
        state.param.update(sweep=sweep, swept=None, run_error=None)

    def stop(self) -> None:
        """Stop the queued and running fits of the shown sweep."""
        try:
            stop_sweep(self.jobs, self.state.sweep or "")
        except EngineError as error:
            self.state.run_error = Notice.of(error)

    def tick(self) -> None:
        """Compare the runs of the shown sweep whenever one of them has ended."""
        state = self.state
        if self._working is not None and self._working[1].done():
            sweep, future = self._working
            self._working = None
            if sweep == state.sweep:
                self._show(future)
        if state.sweep is None and state.status is not None and state.status.group:
            state.sweep = state.status.group
        if state.sweep is None or self._working is not None:
            return
        runs = [run for run in state.runs if run.group == state.sweep]
        ended = [(run.id, run.revision) for run in runs if not run.active]
        request = (state.sweep, *ended)
        if request != self._request:
            self._request = request
            self._working = state.sweep, self._threads.submit(sweep_of, self.jobs, state.sweep)

    def _show(self, future: Future[Any]) -> None:
        if (error := future.exception()) is not None:
            self.state.run_error = Notice.of(error)
            self.state.sweep = None
        else:
            self.state.swept = future.result()
