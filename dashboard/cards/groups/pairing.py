"""Correlations of the open run and of another, of other cells, once both are known with errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import param

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.cards.background import summarised
from dashboard.cards.groups.tab_choices import GroupChoices
from dashboard.cards.other_run import runs
from dashboard.follower import Follower
from dashboard.naming import fetch
from dashboard.runner import Runner
from dashboard.state import AppState, Notice
from engine import differential, summaries
from engine.checks import Uncertainty
from engine.comparing import Differential, check_comparable
from engine.errors import EngineError
from engine.jobs.uncertainties import UNCERTAINTY
from engine.results import AnyFit

TAB, ACT = "groups", "work-out-both"
NO_RUN = "Correlations of two groups are compared once a fit of factors has ended."
ALONE = (
    "Fit each group of cells by itself, with the same genes and number of factors. Open one of "
    "the runs (A); the other is then chosen here (B)."
)
CHOOSE = (
    "Choose a run B: of the same genes in other cells, with as many factors. To have one, fit the "
    "cells of each group by themselves."
)
READING = "Reading the other run."
NOT_SURE = "How sure the correlations of both runs are is not worked out yet."


@dataclass(frozen=True, eq=False)
class Between:
    """The shown fit (A), another of other cells (B) with its run, and what differs."""

    fit: AnyFit
    other: AnyFit
    run: str
    found: Differential


class Beside(param.Parameterized):
    """What a `Follower` looks at, of the run that is compared with."""

    fit = param.Parameter()
    run = param.String(default=None, allow_None=True)
    partial = param.String()
    run_error = param.Parameter()


class Pairing(param.Parameterized):
    """Reads the other run, and has the errors of both worked out; the views follow."""

    between = param.ClassSelector(class_=Between, allow_None=True)
    said = param.String(default=NO_RUN, doc="Why there is nothing to show; empty if there is.")
    offers = param.Boolean(default=False, doc="Whether errors can be asked for.")

    def __init__(
        self, state: AppState, choices: GroupChoices, runner: Runner | None, browser: Browser
    ) -> None:
        super().__init__()
        self.state, self.choices, self.runner = state, choices, runner
        self.beside = Beside()
        self._asked: tuple[AnyFit, str] | None = None
        self.sure: Follower | None = None
        if runner is None:
            return
        # It asks of a page no more than the other run has.
        page = cast(AppState, self.beside)
        self.sure = Follower(UNCERTAINTY, page, runner.services, runner.later)
        runner.also.append(self.sure.tick)
        self.sure.param.watch(self.update, ["result", "progress"])
        self.beside.param.watch(self._tell, "run_error")
        browser.on(ACT, lambda _: self.work_out())
        state.param.watch(
            self.update, ["tab", "fit", "partial", "runs", "uncertainty", "uncertainty_progress"]
        )
        choices.param.watch(self.update, "beside")
        self.update()

    @property
    def message(self) -> str:
        """HTML of what is said in place of the views."""
        if not self.said:
            return ""
        press = lists.press(ACT, "", "Work them out", kind="act")
        return html.asks(self.said, press) if self.offers else html.empty(self.said)

    def work_out(self) -> None:
        """Have the errors of both runs worked out, where they are not known."""
        if not self.offers or self.sure is None:
            return
        if (
            not isinstance(self.state.uncertainty, Uncertainty)
            and not self.state.uncertainty_progress
        ):
            self.state.uncertainty_method = "delta"
        if self.sure.result is None:
            self.sure.start("delta", 50, 0)

    def update(self, *_events: object) -> None:
        """Look again at what there is to compare."""
        if self.state.tab == TAB and self.sure is not None:
            said, between = self._look()
            changes: dict[str, Any] = {"said": said, "offers": said == NOT_SURE}
            # One that is the same is nothing new to those who follow it.
            changes |= {"between": between} if between is not self.between else {}
            self.param.update(**changes)

    def _look(self) -> tuple[str, Between | None]:
        state, run, sure = self.state, self.choices.beside, self.sure
        fit = state.fit
        if fit is None or state.partial or not fit.can("pair_uncertainty"):
            return NO_RUN, None
        known = runs(state)
        if run not in known:
            return CHOOSE if known else ALONE, None
        if self._asked is None or self._asked[0] is not fit or self._asked[1] != run:
            self._read(fit, run)
        if self._refused:
            return self._refused, None
        other = self.beside.fit
        if other is None or sure is None:
            return READING, None
        one, two = state.uncertainty, sure.result
        if isinstance(one, Uncertainty) and isinstance(two, Uncertainty):
            return "", self._made(fit, one, other, two, run)
        going = " · ".join(filter(None, (state.uncertainty_progress, sure.progress)))
        return (f"Working out the errors of both: {going}." if going else NOT_SURE), None

    _refused = ""
    _last: tuple[tuple[Any, ...], Between] | None = None

    def _made(
        self, fit: AnyFit, one: Uncertainty, other: AnyFit, two: Uncertainty, run: str
    ) -> Between:
        of = fit, one, other, two
        if self._last is None or any(a is not b for a, b in zip(self._last[0], of, strict=True)):
            self._last = of, Between(fit, other, run, differential(fit, one, other, two))
        return self._last[1]

    def _read(self, fit: AnyFit, run: str) -> None:
        asked = self._asked = fit, run
        self._refused = ""
        self.beside.param.update(fit=None, run=None)
        assert self.runner is not None
        jobs = self.runner.services.jobs

        def read() -> AnyFit | EngineError | None:
            try:
                other, _ = fetch(jobs, run)
                if other is not None:
                    other = summaries.named_as(other, fit)
                    check_comparable(fit, other)
                return other
            except EngineError as error:
                return error

        def came(other: AnyFit | EngineError | None) -> None:
            if self._asked is not asked:
                return
            if isinstance(other, EngineError):
                self._refused = str(other)
            else:
                self.beside.param.update(fit=other, run=run)
            self.update()

        self.working = summarised(self.state, read, came)

    def _tell(self, event: Any) -> None:
        if isinstance(event.new, Notice):
            self.state.run_error = event.new
