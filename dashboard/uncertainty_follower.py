"""UncertaintyFollower: starts the uncertainty job of the shown run, and shows its result."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from dashboard.follower import Follower
from dashboard.services import Services
from dashboard.state import AppState
from engine.jobs.uncertainties import UNCERTAINTY


class UncertaintyFollower(Follower):
    """Sets ``state.uncertainty`` to the uncertainty of the shown fit."""

    def __init__(
        self,
        state: AppState,
        services: Services,
        later: Callable[[Future[Any], Callable[[Any], None]], None],
    ) -> None:
        super().__init__(UNCERTAINTY, state, services, later)
        self.param.watch(lambda event: state.param.update(uncertainty=event.new), "result")
        self.param.watch(
            lambda event: state.param.update(uncertainty_progress=event.new), "progress"
        )
        state.param.watch(self._ask, "uncertainty_method")
        state.param.watch(self._start_for_veil, "max_fsos")

    def looked(self) -> None:
        """Start the job if its result is needed to veil pairs."""
        self._start_for_veil()

    def ended(self) -> None:
        """Veil nothing if the work was stopped; the choice can be made again."""
        if self.state.uncertainty is None:
            self.state.max_fsos = 1.0

    def failed(self) -> None:
        """Veil nothing."""
        self.state.max_fsos = 1.0

    def _start_for_veil(self, *_events: object) -> None:
        state = self.state
        # Correlations of topics have no such intervals.
        fit, known = state.fit, state.uncertainty
        if state.max_fsos < 1 and known is None and fit is not None and fit.can("pair_uncertainty"):
            state.uncertainty_method = "delta"

    def _ask(self, *_events: object) -> None:
        method = self.state.uncertainty_method
        if method:
            self.state.uncertainty_method = ""
            self.start(method, self.state.n_boot, 0)
