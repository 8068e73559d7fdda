"""FitStarter: starts fits of the open counts, of some of their cells, or of two groups of cells."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
import pandas as pd

from dashboard import formula_edits
from dashboard.fitted_cells import fitted_cells
from dashboard.naming import distinct
from dashboard.opener import refusal
from dashboard.state import AppState, Notice
from engine.comparing.differential_by import FEWEST_CELLS
from engine.data import Counts
from engine.errors import ConfigError, EngineError
from engine.jobs import CellSubset, Jobs
from engine.registry import Config, family_of
from engine.results import AnyFit
from engine.selection import check_counts

SETTLE_SECONDS = 0.15


class FitStarter:
    """Submits requested fits, or shows on the page why one cannot start."""

    def __init__(self, state: AppState, jobs: Jobs) -> None:
        self._state, self._jobs = state, jobs
        self._requested_at = 0.0
        self._cells: pd.Index | None = None

    def ask(self, mask: np.ndarray | None = None) -> None:
        """Request a fit of the counts of the settings.

        Parameters
        ----------
        mask
            (C,) which cells of the shown fit; None: all cells of the counts.
        """
        fit, self._requested_at = self._state.fit, time.monotonic()
        self._cells = None if mask is None or fit is None else fit.cells[mask]
        self._state.param.update(fit_requested=True, run_error=None)

    def started(self) -> str | None:
        """Start the requested fit once the counts have been read; return the id of its run."""
        state = self._state
        # A press of the button may arrive before a number that was typed earlier.
        if state.reading or time.monotonic() - self._requested_at < SETTLE_SECONDS:
            return None
        state.fit_requested = False
        if state.loaded is None or state.counts is None or not state.ready:
            state.run_error = refusal(state)
            return None
        try:
            config, counts = state.config(), state.counts
            subset = fitted_cells(counts, self._cells, formula_edits.formula_of(state))
            check_counts(counts, config, None if subset is None else subset.mask)
            return self._submit(counts, config, subset, holdout=state.holdout, split=state.split)
        except EngineError as error:
            state.run_error = Notice.of(error)
            return None

    def started_both(
        self, fit: AnyFit, masks: Iterable[np.ndarray], words: Iterable[str], *, data_driven: bool
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Fit two groups of cells separately, with the settings and priors of a fit of both.

        Existing runs of the same fits are used instead.

        Parameters
        ----------
        masks, words
            (C,) which cells of the fit each group has, and the name of the group.
        data_driven
            Whether the groups were found in the counts.

        Returns
        -------
        The ids of the runs, none if they cannot be started; and the settings of the fit that they
        lack, in words.
        """
        state = self._state
        try:
            if state.counts is None or not state.ready or state.brought != state.run:
                raise ConfigError("the data of the shown run", "others open", "Open the run again.")
            groups = [state.counts.cells.isin(fit.cells[mask]) for mask in masks]
            few = min(int(group.sum()) for group in groups)
            if few < FEWEST_CELLS:
                raise ConfigError(
                    f"at least {FEWEST_CELLS} cells in each group",
                    f"{few}",
                    "Choose larger groups.",
                )
            labels = [state.counts.obs[group] for group in groups]
            config, notes = family_of(fit).of_parts(fit, labels)
            subsets = [CellSubset(*own, data_driven) for own in zip(groups, words, strict=True)]
            counts = state.counts
            runs = [
                self._same(counts, config, subset) or self._submit(counts, config, subset)
                for subset in subsets
            ]
            return tuple(runs), notes
        except EngineError as error:
            state.run_error = Notice.of(error)
            return (), ()

    def _same(self, counts: Counts, config: Config, subset: CellSubset) -> str:
        """Id of an active or finished run of these cells and settings; empty if there is none."""
        assert self._state.loaded is not None
        wanted = self._state.loaded.to_dict(), config.to_dict(), subset.to_dict()
        for status in self._jobs.list():
            if (status.request, status.config, status.subset) != wanted or status.split:
                continue
            if status.active or status.state == "done":
                own = self._jobs.cells_of(status.id, counts.n_cells)
                if own is not None and np.array_equal(own, np.flatnonzero(subset.mask)):
                    return status.id
        return ""

    def _submit(
        self,
        counts: Counts,
        config: Config,
        subset: CellSubset | None,
        *,
        holdout: float = 0.0,
        split: bool = False,
    ) -> str:
        assert self._state.loaded is not None
        of = counts.name if subset is None else f"{subset.words} · {counts.name}"
        title = f"{of} · {config.label}{', split' * split}"
        jobs = self._jobs
        name = distinct(title, (status.name for status in jobs.list() if status.kind == "fit"))
        return jobs.submit_fit(
            self._state.loaded,
            config,
            name=name,
            counts=counts,
            subset=subset,
            holdout=holdout,
            split=split,
        )
