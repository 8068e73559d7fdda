"""Keeps the address in the browser and the state of the page in step, in both directions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import numpy as np
import param

from dashboard import link, saved_selections
from dashboard.browser import Browser
from dashboard.model_settings import PARAMETERS
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import CLR, COUNTS, AppState, Notice
from engine.errors import EngineError
from engine.jobs import ForeignRun

# Changes that follow one another so closely are one step back in the browser.
STEP_SECONDS = 1.0


def follow(state: AppState, runner: Runner, browser: Browser, search: str) -> None:
    """Show what the query ``search`` asks for, and keep the browser's address up to date.

    If the query names no run, the newest run is opened if it is still running.
    """
    address = Address(state, runner, browser)
    requested = link.read(search)[0]
    with address.quietly():
        # A step back in the browser leaves the form as it is.
        state.param.update(**dict(requested.form))
        if requested.run is None:
            runner.open_newest_running()
            if state.run is None:
                address.restore(search)
        else:
            address.restore(search)


class Address:
    """Writes the state of one page to its query, and restores the state from a query."""

    def __init__(self, state: AppState, runner: Runner, browser: Browser) -> None:
        self.state, self.runner, self.browser = state, runner, browser
        # The query that the browser shows; None until the browser reports it.
        self._shown: str | None = None
        self._stepped = 0.0
        self._quiet = False
        self._pending: tuple[link.Link, list[str], Future[np.ndarray | None] | None] | None = None
        self._colour = ""
        self._saved_selection: tuple[str, np.ndarray, str] | None = None
        browser.on("address", self.arrive)
        state.param.watch(self._changed, ["run", "fit", *link.CHOICES, *PARAMETERS])
        state.param.watch(self._recolour, "fit_counts")

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Make changes that are not steps in the history of the browser."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def arrive(self, search: str) -> None:
        """Handle the query that the browser reports: of a new page, or after a step back."""
        before, self._shown = self._shown, search
        with self.quietly():
            if before is not None and search != before:
                self.restore(search)
            self._write()

    def restore(self, search: str) -> None:
        """Show what a query asks for; its choices are applied once the fit has been read."""
        state = self.state
        requested, problems = link.read(search)
        self._pending, self._colour = None, ""
        if requested.run is None:
            if state.run is not None:
                state.show_run(None)
            state.tab = requested.tab or "data"
            self._tell(problems, expected="a link to this page")
            return
        if requested.run != state.run:
            self.runner.open(requested.run)
        if state.run is None and self._is_foreign(requested.run):
            return
        if state.run is None:
            problems.insert(0, f"run {requested.run!r}")
            gone = "It may have been deleted; choose one under Runs."
            self._tell(problems, "a run of this server", gone)
            return
        state.tab = requested.tab or "explore"
        mask = None
        if requested.cells is not None:
            services = self.runner.services
            mask = services.fetcher.submit(_read, services, requested.run, requested.cells)
            self.runner.later(mask, lambda _mask: self._choose())
        self._pending = requested, problems, mask
        self._choose()

    def _is_foreign(self, run: str) -> bool:
        """Whether a run belongs to somebody else; if so, the page shows that error."""
        try:
            self.runner.services.jobs.status(run)
        except ForeignRun as error:
            # Set again: the first time, there may have been no page that could scroll to it.
            self.state.run_error = None
            self.state.run_error = Notice.of(error)
            return True
        except EngineError:
            pass
        return False

    def _choose(self) -> None:
        """Apply the choices of the query, if the fit and the selection have been read."""
        state = self.state
        if self._pending is None or state.fit is None or state.run != self._pending[0].run:
            return
        requested, problems, mask = self._pending
        if mask is not None and not mask.done():
            return
        self._pending = None
        with self.quietly():
            selected = mask.result() if mask is not None else None
            problems = [*problems, *link.apply(requested, state, selected)]
            if link.awaits_counts(requested, state):
                self._colour = requested.colour or ""
                state.colour = self._colour.replace(COUNTS, CLR, 1)
        self._tell(problems)

    def _recolour(self, *_events: object) -> None:
        """Colour the cells by counts, as the link asks, once the counts have been read."""
        colour, self._colour = self._colour, ""
        state = self.state
        waited = colour and state.colour == colour.replace(COUNTS, CLR, 1)
        if waited and colour in state.colours().values():
            with self.quietly():
                state.colour = colour

    def _changed(self, *events: param.parameterized.Event) -> None:
        if self._pending is not None:
            if self.state.run == self._pending[0].run:
                self._choose()
                return
            self._pending = None
        # Changes by a new fit or in the form are no steps in the history of the browser.
        if any(event.name in ("fit", *PARAMETERS) for event in events):
            with self.quietly():
                self._write()
        else:
            self._write()

    def _write(self) -> None:
        if self._shown is None or self._pending is not None:
            return
        search = link.write(self.state, self._cells())
        if search == self._shown:
            return
        now = time.monotonic()
        replace = self._quiet or now - self._stepped < STEP_SECONDS
        self._shown, self._stepped = search, now
        self.browser.show_address(search, replace=replace)

    def _cells(self) -> str | None:
        """Id of the selected cells, or None; a new selection is written to disk."""
        run, mask = self.state.run, self.state.selected
        if run is None or mask is None or self.state.fit is None:
            return None
        if (
            self._saved_selection is None
            or self._saved_selection[0] != run
            or self._saved_selection[1] is not mask
        ):
            services = self.runner.services
            future = services.fetcher.submit(_keep, services, run, mask)
            self.runner.later(future, self._check)
            self._saved_selection = run, mask, saved_selections.name(mask)
        return self._saved_selection[2]

    def _check(self, written: Future[Any]) -> None:
        if (error := written.exception()) is not None:
            self.state.run_error = Notice(
                "room to keep the selected cells",
                str(error),
                "They stay selected here, but the address cannot bring them back.",
            )

    def _tell(
        self,
        problems: list[str],
        expected: str = "a link that fits this run",
        remedy: str = "The rest of the link is shown.",
    ) -> None:
        if problems:
            self.state.run_error = Notice(expected, "; ".join(problems), remedy)


def _keep(services: Services, run: str, mask: np.ndarray) -> None:
    jobs, aside = services.jobs, services.aside
    try:
        folder = jobs.folder(run)
        try:
            jobs.permit(run)
        except ForeignRun:
            if aside is None:
                raise
            # In a folder of their own, so that viewers do not push out the owner's selections.
            aside.mkdir(parents=True, exist_ok=True)
            folder = aside
        saved_selections.write(folder, mask)
    except (EngineError, FileNotFoundError):
        # The run was deleted meanwhile.
        return


def _read(services: Services, run: str, key: str) -> np.ndarray | None:
    try:
        mask = saved_selections.read(services.jobs.folder(run), key)
    except EngineError:
        return None
    if mask is None and services.aside is not None:
        return saved_selections.read(services.aside, key)
    return mask
