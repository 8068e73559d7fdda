"""Checker: starts predictive checks of the shown run, and polls their status."""

from __future__ import annotations

from contextlib import suppress

from dashboard.cards.check.tab_choices import ALL, EACH, SELECTED, CheckChoices
from dashboard.state import AppState
from engine.errors import EngineError
from engine.jobs import CheckRequest, Checks, ForeignRun, JobError, Jobs
from engine.results import AnyFit

TAB = "check"
NO_FIT = "A check needs a fit that has ended."
NOT_SAVED = "Only the owner's checks are kept with this run: export what you need."
NO_CELLS = "No cells are selected: draw around some in Explore."


class Checker:
    """One session's checks. Nothing here blocks: checks are jobs of the server."""

    def __init__(self, state: AppState, choices: CheckChoices, jobs: Jobs, checks: Checks) -> None:
        self.state, self.choices, self.jobs, self.checks = state, choices, jobs, checks
        self._of: tuple[str | None, AnyFit | None] = (None, None)

    def start(self) -> None:
        """Start a check with the chosen settings; the last result stays until this one is done."""
        state, choices = self.state, self.choices
        if state.fit is None or state.run is None or state.partial:
            choices.wrong = NO_FIT
            return
        mask = state.selected if choices.cells == SELECTED else None
        if choices.cells == SELECTED and mask is None:
            choices.wrong = NO_CELLS
            return
        request = CheckRequest(
            mode=choices.mode,
            totals=None if state.is_topics else choices.totals or None,
            n_draws=choices.draws,
            genes=tuple(state.marked),
            group=choices.cells.removeprefix(EACH) if choices.cells.startswith(EACH) else "",
        )
        try:
            aside = self._aside(state.run)
            job = self.checks.submit(state.run, state.fit, request, mask, keep=not aside)
            status = self.jobs.status(job)
            choices.param.update(job=job, status=status, wrong="", aside=aside)
        except EngineError as error:
            choices.wrong = str(error)
            return
        self._follow()

    def _aside(self, run: str) -> str:
        """Why the check will not be saved with the run; empty if it will be."""
        try:
            self.jobs.permit(run)
        except ForeignRun:
            return NOT_SAVED
        return ""

    def stop(self) -> None:
        """Stop the check, for everybody who waits for it."""
        if self.choices.job is not None:
            with suppress(JobError):
                self.jobs.stop(self.choices.job)

    def tick(self) -> None:
        """Find the check of the shown fit, and update its status."""
        state = self.state
        if state.tab != TAB:
            return
        ended = state.fit is not None and state.run is not None and not state.partial
        run, fit = (state.run, state.fit) if ended else (None, None)
        # Compared by identity: fits hold arrays.
        if run != self._of[0] or fit is not self._of[1]:
            self._of = run, fit
            self._take(run, fit)
        self._follow()

    def _take(self, run: str | None, fit: AnyFit | None) -> None:
        """Show the latest check of a fit, whichever page started it."""
        choices = self.choices
        job = None
        if run is not None and fit is not None:
            job = self.checks.latest(run, fit)
        changes: dict[str, object] = {"job": job, "status": None, "checked": None, "wrong": ""}
        changes["aside"] = ""
        request = self.checks.request(job) if job is not None else None
        if request is not None:
            cells = f"{EACH}{request.group}" if request.group else ALL
            changes |= {"mode": request.mode, "totals": request.totals or "", "cells": cells}
            changes["draws"] = request.n_draws
        choices.param.update(**{"group": ALL, **changes})

    def _follow(self) -> None:
        choices = self.choices
        if choices.job is None:
            return
        try:
            status = self.jobs.status(choices.job)
            checked = self.jobs.result(choices.job) if status.state == "done" else None
        except JobError:
            # The server has dropped the job; the page still has its result.
            choices.param.update(job=None, status=None)
            return
        changes: dict[str, object] = {}
        if choices.status is None or status.revision != choices.status.revision:
            changes["status"] = status
        if checked is not None and checked is not choices.checked:
            groups = set(checked.check.genes["group"])
            changes |= {
                "checked": checked,
                "group": choices.group if choices.group in groups else ALL,
            }
        if changes:
            choices.param.update(**changes)
