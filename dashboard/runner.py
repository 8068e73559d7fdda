"""Runner: passes the person's actions to the engine, and the engine's results to AppState.

Nothing here blocks: reading, fitting and loading happen in threads of the server, and the
session polls them on its own document (`Runner.tick`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.fit_starter import FitStarter
from dashboard.follower import Follower
from dashboard.naming import Naming, fetch
from dashboard.opener import Opener
from dashboard.services import Services
from dashboard.state import AppState, Embedding, Notice
from dashboard.sweeping import Sweeper
from dashboard.uncertainty_follower import UncertaintyFollower
from engine.errors import EngineError
from engine.jobs.artefact import Artefact

LIST_SECONDS = 1.5
SNAPSHOT_SECONDS = 1.2
ACTIVE = ("queued", "running")


class Runner:
    """Acts on the shared services for one session, and polls them."""

    def __init__(self, state: AppState, services: Services) -> None:
        self.state, self.services = state, services
        self._fetching: tuple[str, int, Future[Any]] | None = None
        self._fetched, self._no_umap = ("", -1), ""
        self._counting: tuple[str, Future[Any]] | None = None
        self._waiting: list[tuple[Future[Any], Callable[[Any], None]]] = []
        self._listed = self._shown = 0.0
        self._starter = FitStarter(state, services.jobs)
        self._trouble: EngineError | None = None
        self._naming = Naming(state, services.jobs, services.fetcher, self.later)
        self.also: list[Callable[[], None]] = [
            UncertaintyFollower(state, services, self.later).tick
        ]
        self._sweeper = Sweeper(state, services.jobs, services.fetcher)
        reader, folders = services.reader, services.folders
        self._opener = Opener(state, services.jobs, reader, folders, services.fetcher)

    # actions of the person

    def open_newest_running(self) -> None:
        """Show the newest run if it is still active, for a page that was reloaded."""
        self._list()
        if self.state.runs and self.state.runs[0].state in ACTIVE:
            self.open(self.state.runs[0].id)

    def read(self) -> None:
        """Read the counts of the settings."""
        self._opener.ask()

    def arrived(self, upload: Path) -> None:
        """Note that a new upload is being read."""
        self._opener.arrived(upload)

    def forget_upload(self, path: str) -> None:
        """Stop reading an upload that was deleted."""
        self._opener.forget(path)

    def stop_reading(self) -> None:
        """Stop reading."""
        self._opener.stop()

    def fit(self, cells: np.ndarray | None = None) -> None:
        """Request a fit of the chosen counts; `tick` starts it once they have been read.

        Parameters
        ----------
        cells
            (C,) mask of the cells of the shown fit that are fitted; None: all cells.
        """
        self._starter.ask(cells)

    def fit_both(
        self, masks: Sequence[np.ndarray], words: Sequence[str], *, data_driven: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Fit two groups of the cells of the shown fit, see `FitStarter.started_both`."""
        assert self.state.fit is not None
        return self._starter.started_both(self.state.fit, masks, words, data_driven=data_driven)

    def sweep(self) -> None:
        """Start a sweep: a run for each of the numbers of topics or factors."""
        self._sweeper.start()
        self._list()

    def stop_sweep(self) -> None:
        """Stop the runs of the sweep that is shown."""
        self._sweeper.stop()

    def stop(self) -> None:
        """Stop the run that is shown, keeping the best so far."""
        if self.state.run is not None:
            self._do(self.services.jobs.stop, self.state.run)

    def open(self, run: str) -> None:
        """Show another run, and open its data."""
        self._opener.bring(run)
        self._show_run(run)

    def _show_run(self, run: str) -> None:
        self._fetching, self._fetched, self._shown = None, ("", -1), 0.0
        self._counting, self._no_umap = None, ""
        self.state.run_error = None
        self.state.show_run(run)
        self.tick()
        if self.state.run is not None:
            self.services.record("opened", run)

    def resume(self, run: str) -> None:
        """Queue an interrupted or stopped run again, and show it."""
        self._do(self.services.jobs.resume, run)
        self.open(run)

    def delete(self, run: str) -> None:
        """Delete a run and its files."""
        if self._do(self.services.jobs.delete, run) and run == self.state.run:
            self.state.show_run(None)
        self._list()

    def rename(self, run: str, name: str) -> None:
        """Give a run another name."""
        self._do(self.services.jobs.rename, run, name)
        self._list()

    def share(self, run: str, shared: bool) -> None:
        """Share a run with others, or stop sharing it."""
        self._do(self.services.jobs.share, run, shared)
        self._list()

    def follow(self, artefact: Artefact[Any]) -> Follower:
        """Follow an artefact of the runs that this page shows."""
        follower = Follower(artefact, self.state, self.services, self.later)
        self.also.append(follower.tick)
        return follower

    def later(self, future: Future[Any], then: Callable[[Any], None]) -> None:
        """Call ``then(future)`` at a tick of this page, once the future is done."""
        self._waiting.append((future, then))

    def _do(self, action: Any, run: str, *arguments: Any) -> bool:
        try:
            action(run, *arguments)
        except EngineError as error:
            self.state.run_error = Notice.of(error)
            return False
        return True

    # results of the engine
    def tick(self) -> None:
        """Poll the services; called every few hundred milliseconds."""
        self._opener.tick()
        self._take_waiting()
        if self.state.fit_requested and (run := self._starter.started()) is not None:
            self._opener.began(run)
            self._show_run(run)
            self._list()
        if time.monotonic() - self._listed > LIST_SECONDS:
            self._list()
        self._sweeper.tick()
        own = (self._take_status, self._take_fit, self._take_embedding, self._take_counts)
        for look in (*(own if self.state.run is not None else ()), *self.also):
            look()

    def _take_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future, then in waiting:
            if future.done():
                then(future)
            else:
                self._waiting.append((future, then))

    def _list(self) -> None:
        self._listed = time.monotonic()
        jobs = self.services.jobs
        runs = [s for s in jobs.list() if s.kind == "fit"]
        if (jobs.trouble is None) != (self._trouble is None):
            self.state.run_error = Notice.of(jobs.trouble) if jobs.trouble else None
        self._trouble = jobs.trouble
        if runs != self.state.runs:
            self.state.runs = runs

    def _take_status(self) -> None:
        state = self.state
        try:
            status = self.services.jobs.status(state.run or "")
        except EngineError as error:
            if self.services.jobs.trouble is not None:
                # The folder of all runs is gone: the page still shows this one.
                return
            state.show_run(None)
            state.run_error = Notice.of(error)
            return
        if state.status is None or status.revision != state.status.revision:
            state.status = status

    def _take_fit(self) -> None:
        """Fetch snapshots in a thread: building or loading one may take a while."""
        state, status = self.state, self.state.status
        if status is None:
            return
        if self._fetching is not None and self._fetching[2].done():
            run, revision, future = self._fetching
            self._fetching = None
            self._fetched = (run, revision)
            if run == state.run:
                self._show(future, revision)
        news = self._fetched != (status.id, status.revision)
        due = status.state not in ACTIVE or time.monotonic() - self._shown > SNAPSHOT_SECONDS
        if self._fetching is None and news and due and status.state != "queued":
            future = self.services.fetcher.submit(fetch, self.services.jobs, status.id)
            self._fetching = (status.id, status.revision, future)

    def _show(self, future: Future[Any], revision: int) -> None:
        state, status = self.state, self.state.status
        if (error := future.exception()) is not None:
            state.run_error = Notice.of(error)
            return
        fit, given = future.result()
        if fit is None or (fit is state.fit and not state.partial):
            return
        names = self._naming.came(fit, given)
        running = status.state in ACTIVE or revision != status.revision
        self._shown = time.monotonic()
        state.show_fit(fit, partial=_how_far(status) if running else "", names=names)

    def _take_embedding(self) -> None:
        state, status = self.state, self.state.status
        if state.fit is None or state.partial or status is None or status.state in ACTIVE:
            return
        key = f"{status.id} {state.fit.status.passes}"
        if key == self._no_umap or (state.embedding is not None and state.embedding.key == key):
            return
        try:
            xy = self.services.embedder.ask(key, state.fit)
        except (EngineError, RuntimeError) as error:
            self._no_umap = key
            state.placing = ""
            state.run_error = Notice(
                f"a UMAP of the cells by their {state.kind}s",
                str(error),
                f"The first two {state.kind}s are shown instead; open the run again to retry.",
            )
            return
        if xy is None:
            state.placing = self.services.embedder.progress(key) or "waiting"
        else:
            state.param.update(embedding=Embedding(xy, "umap", key), placing="")

    def _take_counts(self) -> None:
        """Fetch the counts that a fit was made of, once it has ended."""
        state, status = self.state, self.state.status
        if state.fit is None or state.partial or status is None or status.state in ACTIVE:
            return
        if self._counting is None:
            future = self.services.fetcher.submit(self.services.jobs.fit_counts, status.id)
            self._counting = (status.id, future)
        run, future = self._counting
        if run == state.run and state.fit_counts is None and future.done():
            # The page works without counts if they are missing or damaged.
            state.fit_counts = future.result() if future.exception() is None else None


def _how_far(status: Any) -> str:
    about = max(round(status.passes / max(status.fraction, 0.02)), status.passes)
    known = status.fraction > 0.02 and status.passes
    return f"pass {status.passes}" + (f" of about {about}" if known else "")
