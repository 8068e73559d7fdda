"""Finds the counts that a run was fitted to, and checks that they have not changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engine.errors import DataError, FitError
from engine.jobs.halves import fitted_fingerprint, halved
from engine.jobs.runs import Runs
from engine.results import AnyFit
from engine.results.outline import fingerprint

if TYPE_CHECKING:
    from engine.data import Counts

# Totals of saved counts are sums of float32.
_ROUNDING = 1e-6
_AGAIN = (
    "Use the data as they were when it was fitted, with the same layer and library size, "
    "or fit again."
)


def counts_of(jobs: Runs, run: str, fit: AnyFit) -> Counts:
    """The counts that a run was fitted to: those saved with its fit, else read again.

    Raises
    ------
    DataError
        If they were not saved, and cannot be read or have changed.
    JobError
        If there is no such run.
    """
    from engine.data import Counts

    saved = jobs.fit_counts(run)
    if saved is not None:
        return Counts.from_arrays(saved, fit.genes, fit.cells, obs=fit.obs)
    return own_cells(fit, halved(jobs.status(run), jobs.read_counts(run)))


def check_same_counts(jobs: Runs, run: str, counts: Counts) -> None:
    """Raise an error if counts differ from those that a run was fitted to.

    A run without a fit, or with one that cannot be read, accepts any counts.

    Parameters
    ----------
    counts
        Counts that the request of the run gives now.

    Raises
    ------
    DataError
        If they have changed.
    JobError
        If there is no such run.
    """
    from engine.data.counts import fingerprint_of_cells

    path, status = jobs.fit_file(run), jobs.status(run)
    if path is None:
        return
    try:
        known = fingerprint(path)
    except FitError:
        return
    now, n_cells = counts.fingerprint, counts.n_cells
    if (own := jobs.cells_of(run, n_cells)) is not None:
        now, n_cells = fingerprint_of_cells(now, own), len(own)
    if status.holdout and n_cells > 1:
        from engine.checks.completion import drawn

        fitted, _ = drawn(n_cells, status.holdout, int(status.config.get("seed", 0)))
        now = fingerprint_of_cells(now, fitted)
    now = fitted_fingerprint(status, now)
    if known not in ("", now):
        raise DataError(
            "the counts that were fitted",
            f"other counts in {counts.name}: the data have changed since",
            "Bring the earlier data back, or open these again to fit them as they are now.",
        )


def own_cells(fit: AnyFit, counts: Counts) -> Counts:
    """The cells of a fit, by name and in its order, over its features.

    Cells that the fit does not have are left out.

    Parameters
    ----------
    counts
        Over all genes of the data set, or those of the fit.

    Raises
    ------
    DataError
        If a cell or a feature of the fit is missing, or a cell has another total than it had.
    """
    from engine.data.reader_errors import shorten

    positions = counts.cells.get_indexer(fit.cells)
    missing = np.flatnonzero(positions < 0)
    if len(missing):
        raise DataError(
            f"the {len(fit.cells):,} cells that were fitted",
            f"{len(missing):,} of them missing in {counts.name}, the first "
            f"{shorten(str(fit.cells[missing[0]]))}",
            _AGAIN,
        )
    try:
        own = counts.matched(fit.genes, fit.gene_ids)
    except DataError as error:
        raise DataError(error.expected, error.got, _AGAIN) from error
    if not np.array_equal(positions, np.arange(own.n_cells)):
        own = own.take(positions)
    fitted = np.asarray(fit.total_counts, dtype=np.float64)
    changed = np.flatnonzero(np.abs(own.totals - fitted) > 0.5 + _ROUNDING * fitted)
    if len(changed):
        first = changed[0]
        raise DataError(
            "the counts that were fitted",
            f"other totals in {counts.name} for {len(changed):,} of {own.n_cells:,} cells, the "
            f"first {own.totals[first]:,.0f} instead of {fitted[first]:,.0f} counts of "
            f"{shorten(str(fit.cells[first]))}",
            _AGAIN,
        )
    return own
