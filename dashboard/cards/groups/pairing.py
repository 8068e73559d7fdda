"""Compares the correlations of the open run with those of a run of other cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pandas as pd
import param

from dashboard import html, lists
from dashboard.browser import Browser
from dashboard.cards.background import summarised
from dashboard.cards.groups.tab_choices import GroupChoices
from dashboard.cards.other_run import FINISHED, runs
from dashboard.follower import Follower
from dashboard.naming import fetch
from dashboard.runner import ACTIVE, Runner
from dashboard.state import AppState, Notice
from engine import differential, summaries
from engine.checks import Uncertainty
from engine.comparing import Differential, check_comparable, with_groups
from engine.errors import EngineError
from engine.jobs import JobStatus
from engine.jobs.uncertainties import UNCERTAINTY
from engine.results import AnyFit

TAB = "groups"
# Actions that are offered while there is nothing to show.
FIT, OPEN, ACT = "fit-both", "open-both", "work-out-both"
WORDS = {FIT: "Fit both", OPEN: "Open them", ACT: "Work them out"}
NO_RUN = "Correlations of two groups are compared once a fit of factors has ended."
ALONE = (
    "Correlations of two groups are compared by a fit of each. Choose A and B above and press "
    "Compare: both fits are then offered here."
)
CHOOSE = (
    "Choose a run B, of the same genes in other cells with as many factors. Or choose groups A and "
    "B of this run's cells above and press Compare: a fit of each is then offered here."
)
READY = "Each group is fitted:"
READING = "Reading the other run."
EACH = "Fit each group by itself, to compare their correlations: "
NOT_SURE = "How sure the correlations of both runs are is not worked out yet."


@dataclass(frozen=True, eq=False)
class Between:
    """The shown fit (A), a fit of other cells (B) with its run, and what differs."""

    fit: AnyFit
    other: AnyFit
    run: str
    differential: Differential


class Beside(param.Parameterized):
    """Run B, with the parameters that a `Follower` reads."""

    fit = param.Parameter()
    run = param.String(default=None, allow_None=True)
    partial = param.String()
    run_error = param.Parameter()


class Pairing(param.Parameterized):
    """Reads run B and starts the uncertainty jobs of both; the cards follow its parameters."""

    between = param.ClassSelector(class_=Between, allow_None=True)
    said = param.String(default=NO_RUN, doc="Why there is nothing to show; empty if there is.")
    offers = param.String(doc="The offered action: a key of `WORDS`.")

    def __init__(
        self, state: AppState, choices: GroupChoices, runner: Runner | None, browser: Browser
    ) -> None:
        super().__init__()
        self.state, self.choices, self.runner = state, choices, runner
        self.beside = Beside()
        self._at_once, self._names, self._lacks = False, ("", ""), ""
        self._requested: tuple[AnyFit, str] | None = None
        self.sure: Follower | None = None
        if runner is None:
            return
        # A `Follower` reads only the parameters that `Beside` has.
        page = cast(AppState, self.beside)
        self.sure = Follower(UNCERTAINTY, page, runner.services, runner.later)
        runner.also.append(self.sure.tick)
        self.sure.param.watch(self.update, ["result", "progress"])
        self.beside.param.watch(self._tell, "run_error")
        browser.on(FIT, lambda _: self.fit())
        browser.on(OPEN, lambda _: self.open())
        browser.on(ACT, lambda _: self.work_out())
        state.param.watch(self.update, ["tab", "fit", "partial", "runs", "against"])
        state.param.watch(self.update, ["uncertainty", "uncertainty_progress"])
        choices.param.watch(self.update, ["comparison", "both"])
        self.update()

    @property
    def message(self) -> str:
        """HTML message in place of the cards; empty if there is something to show."""
        if not self.said:
            return ""
        if not self.offers:
            return html.empty(self.said)
        return html.asks(self.said, lists.press(self.offers, "", WORDS[self.offers], kind="act"))

    def fit(self) -> None:
        """Fit each of the two compared groups by itself."""
        comparison = self.choices.comparison
        if self.offers == FIT and self.runner is not None and comparison is not None:
            # Both halves of split counts are fitted, also the one in which the cells were drawn.
            data_driven = not comparison.honest or comparison.label is None
            begun, lacks = self.runner.fit_both(
                comparison.masks, comparison.names, data_driven=data_driven
            )
            self._names, self._lacks = comparison.names, " ".join(lacks)
            self.choices.both = begun

    def open(self) -> None:
        """Open the runs of both groups, and start their uncertainty jobs."""
        if self.offers == OPEN and self.runner is not None:
            one, self.state.against = self.choices.both
            self.choices.both, self._at_once = (), True
            self.runner.open(one)

    def work_out(self) -> None:
        """Start the uncertainty jobs of both runs, unless their errors are known."""
        if self.offers != ACT or self.sure is None:
            return
        if (
            not isinstance(self.state.uncertainty, Uncertainty)
            and not self.state.uncertainty_progress
        ):
            self.state.uncertainty_method = "delta"
        if self.sure.result is None:
            self.sure.start("delta", 50, 0)

    def with_names(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add the names of runs A and B, and the unit of the errors, to a table."""
        between = self.between
        if between is None:
            return table
        names = {status.id: status.name for status in self.state.runs}
        one, other = (names.get(run, run) for run in (self.state.run or "A", between.run))
        return with_groups(table, one, other, between.differential.unit)

    def update(self, *_events: object) -> None:
        """Update the message, the offered action and the comparison."""
        if self.state.tab == TAB and self.sure is not None:
            said, offers, between = self._look()
            changes: dict[str, Any] = {"said": said, "offers": offers}
            # An unchanged comparison must not update the cards.
            changes |= {"between": between} if between is not self.between else {}
            self.param.update(**changes)
            if offers == ACT and self._at_once:
                self._at_once = False
                self.work_out()

    def _look(self) -> tuple[str, str, Between | None]:
        """Message and offered action while there is nothing to show, and the comparison."""
        state, run, sure = self.state, self.state.against, self.sure
        fit = state.fit
        if fit is None or state.partial or not fit.can("pair_uncertainty"):
            return NO_RUN, "", None
        known = runs(state)
        if self.choices.both:
            return *self._describe_fits(), None
        if run not in known:
            groups = self._groups()
            return groups or (CHOOSE if known else ALONE), FIT if groups else "", None
        if self._requested is None or self._requested[0] is not fit or self._requested[1] != run:
            self._read(fit, run)
        if self._refused:
            return self._refused, "", None
        other = self.beside.fit
        if other is None or sure is None:
            return READING, "", None
        one, two = state.uncertainty, sure.result
        if isinstance(one, Uncertainty) and isinstance(two, Uncertainty):
            return "", "", self._compare(fit, one, other, two, run)
        going = " · ".join(filter(None, (state.uncertainty_progress, sure.progress)))
        if going:
            return f"Working out the errors of both: {going}.", "", None
        return NOT_SURE, ACT, None

    def _groups(self) -> str:
        """Message that offers to fit the two compared groups; empty if there are none."""
        comparison = self.choices.comparison
        if comparison is None or comparison.fit is not self.state.fit:
            return ""
        one, other = comparison.names
        return f"{EACH}{one} (A) and {other} (B), by the settings and priors of this run."

    def _describe_fits(self) -> tuple[str, str]:
        """Progress of the fits of both groups, and the offered action."""
        known = {status.id: status for status in self.state.runs}
        states = [known[run] for run in self.choices.both if run in known]
        lost = [one for one in states if one.state not in (*ACTIVE, *FINISHED)]
        if lost or len(states) < len(self.choices.both):
            problem = " ".join(f"{one.name}: {one.state}." for one in lost) or "A run is gone."
            return f"{problem} Compare the groups again to fit them anew.", ""
        one, other = (f"{name} ({side})" for name, side in zip(self._names, "AB", strict=True))
        if all(one.state in FINISHED for one in states):
            return f"{READY} {one} and {other}. {self._lacks}".strip(), OPEN
        first, second = map(_far, states)
        far = f"Fitting each group by itself: {one} {first}, {other} {second}."
        return f"{far} {self._lacks}".strip(), ""

    _refused = ""
    _last: tuple[tuple[Any, ...], Between] | None = None

    def _compare(
        self, fit: AnyFit, one: Uncertainty, other: AnyFit, two: Uncertainty, run: str
    ) -> Between:
        of = fit, one, other, two
        if self._last is None or any(a is not b for a, b in zip(self._last[0], of, strict=True)):
            self._last = of, Between(fit, other, run, differential(fit, one, other, two))
        return self._last[1]

    def _read(self, fit: AnyFit, run: str) -> None:
        request = self._requested = fit, run
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
            if self._requested is not request:
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


def _far(status: JobStatus) -> str:
    if status.state in FINISHED:
        return "is ready"
    return f"{100 * status.fraction:.0f} %" if status.state == "running" else "waits"
