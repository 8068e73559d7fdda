"""Fit, one step at a time: budget, trace, clock and snapshots around the optimisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.data import Counts
from engine.fitting.compilation import keep_compilations
from engine.fitting.progress import Progress
from engine.fitting.running import Running
from engine.fitting.status import State
from engine.lnm.config import LNMConfig
from engine.lnm.covariates import design_for
from engine.lnm.fit import Fit
from engine.lnm.laplace import Step, maximise
from engine.lnm.requirements import check_config
from engine.lnm.snapshot import Snapshot
from engine.lnm.totals import capture, fit_totals


def fit_iter(
    counts: Counts, config: LNMConfig, *, start: Fit | None = None
) -> Iterator[Progress[Fit]]:
    """Fit, yielding a `Progress` after every pass over the cells, and between blocks of long ones.

    To stop early, end the iteration: the last ``snapshot()`` is a usable fit. The last Progress
    has a status other than "running".

    Parameters
    ----------
    start
        An earlier fit of the same genes and number of factors, to continue: passes, seconds and
        trace continue its own, the budget starts afresh.

    Raises
    ------
    ConfigError
        If the configuration does not suit the counts, or ``start`` does not match them.
    FitError
        If the objective is not finite where the fit starts.
    """
    keep_compilations()
    check_config(counts, config)
    run = _Run(counts, config, start)
    yield from run.follow(maximise(counts, config, start, design=run.design))


class _Run(Running[Step, Fit]):
    """State of a running fit."""

    def __init__(self, counts: Counts, config: LNMConfig, start: Fit | None) -> None:
        self._config = config
        self._data = counts.provenance()
        super().__init__(start)
        self.design = design_for(counts.obs, config, start)
        self._totals, self._capture = fit_totals(counts, config, self.design)
        self._cells = counts
        self._snapshot: Snapshot | None = None

    def _note(self, step: Step) -> None:
        cells_pass = step.point.cells_pass
        self._phase, self._left = step.phase, step.passes_left
        self._rows.append(
            {
                "pass": self._before.passes + self._passes,
                "seconds": self._before.seconds + self._seconds,
                "log_marginal_per_cell": cells_pass.log_marginal_total / step.counts.n_cells,
                "gradient_median": float(np.median(cells_pass.decrement)),
                "gradient_worst": float(np.max(cells_pass.decrement)),
                "n_failed_cells": cells_pass.n_failed_cells,
            }
        )
        if step.counts is not self._cells:
            self._cells = step.counts
            self._capture = capture(step.counts, self._config, self._totals)
        self._snapshot = Snapshot(
            counts=step.counts,
            config=self._config,
            point=step.point,
            totals=self._totals,
            capture=self._capture,
            trace=pd.DataFrame(self._rows),
            status=self._status("running", ""),
            data=self._data,
            design=self.design,
            covariates=step.covariates,
        )

    def budget_spent(self, event: Step | float) -> str:
        """Why the fit must end now, or an empty string."""
        # The step after the last allowed pass reports its result, unless the pass was a trial.
        reported = (
            isinstance(event, Step) or self._within > 0 or self._passes > self._config.max_passes
        )
        if self._passes >= self._config.max_passes and reported:
            return f"the {self._config.max_passes} passes allowed are made"
        limit = self._config.max_seconds
        if limit is not None and self._seconds >= limit and self._snapshot is not None:
            return f"the {limit:g} seconds allowed are spent"
        return ""

    def progress(self, state: State, reason: str = "") -> Progress[Fit]:
        """The fit as it stands."""
        failed = self._snapshot.point.cells_pass.n_failed_cells if self._snapshot else 0
        status = self._status(state, reason, failed)
        running = state == "running"
        done = self._passes + self._within
        left = min(self._left, self._config.max_passes - self._passes) - self._within
        left = max(left, 0.0) if np.isfinite(left) else np.nan
        last = self._rows[-1] if self._rows else {}
        return Progress(
            status=status,
            phase=self._phase if running else "finishing",
            fraction=1.0 if not running else 0.0 if np.isnan(left) else done / (done + left + 0.5),
            seconds_left=None if np.isnan(left) or not done else left * self._seconds / done,
            log_marginal_per_cell=last.get("log_marginal_per_cell", np.nan),
            gradient_median=last.get("gradient_median", np.nan),
            gradient_worst=last.get("gradient_worst", np.nan),
            snapshot=self._snapshot and replace(self._snapshot, status=status),
        )
