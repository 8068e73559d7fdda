"""A running fit: its clock, its trace and its progress reports."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from typing import Protocol

import numpy as np
import pandas as pd

from engine.fitting.compilation import seconds_compiling
from engine.fitting.progress import Progress
from engine.fitting.status import State, Status

_BEAT_SECONDS = 0.25


class Begun(Protocol):
    """The parts of a fit that another fit goes on from."""

    @property
    def status(self) -> Status:
        """How it ended."""

    @property
    def trace(self) -> pd.DataFrame:
        """One row a pass."""


class Running[S, F](ABC):
    """State of a running fit, whatever its model: of steps S, to a fit F.

    An event of an optimisation is a step S, or the share of a pass over the cells that is done.
    Its return value is the final state and the reason.

    Parameters
    ----------
    start
        The fit that this one goes on from: one clock, one count of passes, one trace.
    """

    def __init__(self, start: Begun | None) -> None:
        self._began = self._last_report = time.monotonic()
        self._compiled_before = seconds_compiling()
        self._passes = 0
        self._within = 0.0
        self._left = np.nan
        self._phase = "starting"
        self._rows: list[dict[str, float]] = []
        self._before = start.status if start else Status("running", "", 0, 0.0, 0.0, 0)
        if start is not None:
            names = [str(name) for name in start.trace]
            self._rows = [dict(zip(names, row, strict=True)) for row in start.trace.to_numpy()]

    @abstractmethod
    def _note(self, step: S) -> None:
        """Record a step."""

    @abstractmethod
    def budget_spent(self, event: S | float) -> str:
        """Why the fit must end now, or an empty string."""

    @abstractmethod
    def progress(self, state: State, reason: str = "") -> Progress[F]:
        """Progress of the fit so far."""

    def follow(
        self, events: Generator[S | float, None, tuple[State, str]]
    ) -> Iterator[Progress[F]]:
        """Pull the events of an optimisation until it ends or the budget is spent."""
        yield self.progress("running")
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                yield self.progress(*end.value)
                return
            due = self.take(event)
            if spent := self.budget_spent(event):
                events.close()
                yield self.progress("stopped", spent)
                return
            if due:
                yield self.progress("running")

    def take(self, event: S | float) -> bool:
        """Record an event; True if progress is to be reported."""
        if isinstance(event, float):
            self._passes += event == 1.0
            self._within = event % 1.0
            if time.monotonic() - self._last_report < _BEAT_SECONDS:
                return False
        else:
            self._note(event)
        self._last_report = time.monotonic()
        return True

    def _status(self, state: State, reason: str, n_failed_cells: int = 0) -> Status:
        return Status(
            state=state,
            reason=reason,
            passes=self._before.passes + self._passes,
            seconds=self._before.seconds + self._seconds,
            seconds_compiling=self._before.seconds_compiling
            + seconds_compiling()
            - self._compiled_before,
            n_failed_cells=n_failed_cells,
        )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began
