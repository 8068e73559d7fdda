"""The run of a fit whose steps return the estimates so far on request."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from engine.errors import FitError
from engine.fitting.progress import Progress
from engine.fitting.running import Begun, Running
from engine.fitting.status import State, Status
from engine.fitting.steps import Step


class LearningRun[L, F](Running[Step[L], F]):
    """State of a running fit.

    Parameters
    ----------
    budget
        Passes or epochs allowed.
    planned
        Whether the optimisation itself ends with the budget.
    snapshot
        Returns, from a step, the trace and the status, the function that builds a fit.
    """

    def __init__(
        self,
        start: Begun | None,
        *,
        budget: int,
        planned: bool,
        max_seconds: float | None,
        snapshot: Callable[[Step[L], pd.DataFrame, Status], Callable[[], F]],
    ) -> None:
        super().__init__(start)
        self._budget, self._planned, self._max_seconds = budget, planned, max_seconds
        self._make_snapshot = snapshot
        self._last: Step[L] | None = None

    def _note(self, step: Step[L]) -> None:
        if not np.isfinite(step.value):
            raise FitError(
                "a finite objective",
                f"{step.value} after {self._passes} passes",
                "Lower learning_rate, or report this with the run's log.",
            )
        self._phase, self._left = step.phase, step.passes_left
        self._rows.append(
            {
                "pass": self._before.passes + self._passes,
                "seconds": self._before.seconds + self._seconds,
                "log_marginal_per_cell": step.value,
            }
        )
        self._last = step

    def budget_spent(self, event: Step[L] | float) -> str:
        """Why the fit must end now, or an empty string."""
        if self._last is None:
            return ""
        if not self._planned and self._passes >= self._budget and isinstance(event, Step):
            return f"the {self._budget} passes allowed are made"
        if self._max_seconds is not None and self._seconds >= self._max_seconds:
            return f"the {self._max_seconds:g} seconds allowed are spent"
        return ""

    def progress(self, state: State, reason: str = "") -> Progress[F]:
        """The fit as it stands."""
        status = self._status(state, reason)
        running = state == "running"
        done = self._passes + self._within
        left = min(self._left, self._budget - self._passes) - self._within
        left = max(left, 0.0) if np.isfinite(left) else np.nan
        last = self._rows[-1] if self._rows else {}
        snapshot = None
        if self._last is not None:
            snapshot = self._make_snapshot(self._last, pd.DataFrame(self._rows), status)
        return Progress(
            status=status,
            phase=self._phase if running else "finishing",
            fraction=1.0 if not running else 0.0 if np.isnan(left) else done / (done + left + 0.5),
            seconds_left=None if np.isnan(left) or not done else left * self._seconds / done,
            log_marginal_per_cell=last.get("log_marginal_per_cell", np.nan),
            gradient_median=np.nan,
            gradient_worst=np.nan,
            snapshot=snapshot,
        )
