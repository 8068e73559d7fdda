"""Reads the runs to compare with the shown one, in the background while the tab is in front."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import param

from dashboard.cards.background import summarised
from dashboard.cards.compare.tab_choices import TAB, CompareChoices
from dashboard.cards.other_run import FINISHED, Other, compared, runs
from dashboard.state import AppState, Notice
from engine import checks, summaries
from engine.errors import EngineError
from engine.jobs import Jobs, JobStatus, contender
from engine.results import AnyFit

MOST_RUNS = 40
RUNNING = "The open run is compared once it has ended."
NO_RUN = "No run is open. Open a finished one under Runs, or fit a model: then compare two."
ALONE = (
    "There is only one finished run. Fit a second model to these data, or the same with another "
    "number of factors or seed: the two are then compared here."
)
NONE_ALIKE = "No other finished run is on the data of the open one. Fit a second model to them."
READING = "Reading the runs."


@dataclass(frozen=True, eq=False)
class Survey:
    """`engine.checks.compare` of the runs on the data of the open one, and the refused runs."""

    table: pd.DataFrame
    refused: dict[str, Notice]


@dataclass(frozen=True, eq=False)
class Beside:
    """The run that the shown one is compared with in detail.

    Attributes
    ----------
    run
        Id of the other run.
    fit
        The shown fit.
    other
        Fit of the other run, names of its factors, and their similarity to the shown ones.
    similar
        Shown factors x factors of the other run, by kind of similarity.
    partners
        `summaries.matched` of each table in ``similar``.
    here, there
        Positions of the common cells in the shown fit and in the other.
    """

    run: str
    fit: AnyFit
    other: Other
    similar: dict[str, pd.DataFrame]
    partners: dict[str, pd.DataFrame]
    here: np.ndarray
    there: np.ndarray

    def partner(self, by: str, factor: int, chosen_factor: int | None) -> int:
        """The factor of the other run to show beside a shown one: the chosen one, or its match."""
        if not self.other.names:
            return 0
        if chosen_factor is not None and chosen_factor < len(self.other.names):
            return chosen_factor
        if factor >= len(self.partners[by]):
            return 0
        place = int(self.partners[by]["place"].iloc[factor])
        if place >= 0:
            return place
        # No partner: take the most similar factor.
        row = np.nan_to_num(np.abs(self.similar[by].iloc[factor].to_numpy(float)))
        return int(row.argmax())


class Compared(param.Parameterized):
    """Surveys the runs and reads run B; the cards follow its parameters."""

    survey = param.ClassSelector(class_=Survey, allow_None=True)
    beside = param.ClassSelector(class_=Beside, allow_None=True)
    said = param.String(default=NO_RUN, doc="Why there is no comparison of two, or empty.")

    def __init__(self, state: AppState, choices: CompareChoices, jobs: Jobs) -> None:
        super().__init__()
        self.state, self.choices, self.jobs = state, choices, jobs
        self.working: Future[None] | None = None
        self._surveyed: tuple[Any, ...] = ()
        self._requested: tuple[AnyFit, str] | None = None
        self._known: dict[str, tuple[JobStatus, checks.Contender]] = {}
        state.param.watch(self._update, ["tab", "run", "fit", "partial", "runs", "other"])
        self._update()

    @property
    def shown(self) -> Beside | None:
        """The run that is compared with the shown fit, once it has been read."""
        beside: Beside | None = self.beside
        return beside if beside is not None and beside.fit is self.state.fit else None

    @property
    def wanted(self) -> str | None:
        """Id of the run to compare with: the chosen one, else the first that can be compared."""
        finished = runs(self.state)
        if self.state.other in finished:
            return self.state.other
        if self.survey is None:
            return None
        return next((run for run in self.survey.table.index if run in finished), None)

    def name_of(self, run: str | None) -> str:
        """Name of a run in the table; empty if it is not there."""
        names = {} if self.survey is None else dict(self.survey.table["run"])
        return str(names.get(run, ""))

    def _update(self, *events: param.parameterized.Event) -> None:
        if self.state.tab != TAB:
            return
        missing = self._missing()
        if missing:
            self._surveyed, self._requested = (), None
            self.param.update(survey=None, beside=None, said=missing)
            return
        finished = self._finished()
        of = (self.state.run, *((s.id, s.revision, s.name) for s in finished))
        # Turning to the tab surveys again: a run may have a new check.
        turned = any(event.name == "tab" for event in events)
        if of == self._surveyed and not turned:
            self._pick()
            return
        self._surveyed = of
        if self.survey is None:
            self.said = READING
        self.working = summarised(
            self.state,
            lambda: self._survey_runs(finished),
            lambda result: self._receive_survey(of, result),
        )

    def _missing(self) -> str:
        state = self.state
        if state.run is None:
            return NO_RUN
        if not any(s.id == state.run and s.state in FINISHED for s in state.runs):
            return RUNNING
        if not runs(state):
            return ALONE
        return READING if state.fit is None or state.partial else ""

    def _finished(self) -> list[JobStatus]:
        """The finished runs, the open one first."""
        finished = [status for status in self.state.runs if status.state in FINISHED]
        finished.sort(key=lambda status: status.id != self.state.run)
        return finished[:MOST_RUNS]

    def _survey_runs(self, finished: Sequence[JobStatus]) -> Survey | Notice:
        """Compare the finished runs; called in a thread."""
        contenders: list[checks.Contender] = []
        refused = {}
        for status in finished:
            try:
                one = contender(self.jobs, status, contenders[0] if contenders else None)
                if contenders:
                    checks.check_same_data(contenders[0].outline, one.outline, status.name)
            except EngineError as error:
                if not contenders:
                    return Notice.of(error)
                refused[status.id] = Notice.of(error)
            else:
                contenders.append(one)
        return Survey(checks.compare(contenders), refused)

    def _receive_survey(self, of: tuple[Any, ...], result: Survey | Notice) -> None:
        if of is not self._surveyed:
            return
        if isinstance(result, Notice):
            self.param.update(survey=None, beside=None, said=sentence(result))
            return
        self.survey = result
        self._pick()

    def _pick(self) -> None:
        state, survey, wanted = self.state, self.survey, self.wanted
        if survey is None or state.fit is None:
            return
        if wanted is None or wanted in survey.refused:
            self._requested = None
            said = NONE_ALIKE if wanted is None else sentence(survey.refused[wanted])
            self.param.update(beside=None, said=said)
            return
        if (
            self._requested is not None
            and self._requested[0] is state.fit
            and self._requested[1] == wanted
        ):
            return
        request = self._requested = state.fit, wanted
        self.choices.beside = None
        self.param.update(beside=None, said=READING)
        self.working = summarised(
            state,
            lambda: read(*request, self.jobs),
            lambda result: self._receive_run(request, result),
        )

    def _receive_run(self, request: tuple[AnyFit, str], result: Beside | Notice) -> None:
        if self._requested is not request:
            return
        if isinstance(result, Notice):
            self.param.update(beside=None, said=sentence(result))
        else:
            self.param.update(beside=result, said="")


def read(fit: AnyFit, run: str, jobs: Jobs) -> Beside | Notice:
    """Read another run and compare it with the fit; called in a thread."""
    try:
        other = compared(fit, jobs, run)
    except EngineError as error:
        return Notice.of(error)
    if other is None:
        return Notice("a run with a result", "none", "Choose another run to compare with.")
    here, there = summaries.common_cells(fit, other.fit)
    similar = {
        "correlation": other.match.correlation,
        "cosine": summaries.loading_cosines(fit, other.fit),
        "overlap": other.match.overlap,
    }
    partners = {by: summaries.matched(table) for by, table in similar.items()}
    return Beside(run, fit, other, similar, partners, here, there)


def sentence(notice: Notice) -> str:
    """A notice in one line."""
    return f"Expected {notice.expected}; found {notice.got}. {notice.remedy}"
