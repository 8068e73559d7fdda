"""One predictive check of a run: a small check, replicates of all cells, and the summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from engine.jobs import check_file
from engine.jobs.job import JobHandle
from engine.results import AnyFit

if TYPE_CHECKING:
    from engine.checks import (
        LaplaceProgress,
        LaplaceQuality,
        MissedPairs,
        MissedProgress,
        PredictiveCheck,
        ResidualStructure,
        StructureProgress,
    )
    from engine.checks.predictive.check_settings import CheckTotals
    from engine.data import Counts
    from engine.fitting.predictive import Mode

# A small check first selects the genes to show in detail. It has at most so many cells x genes, at
# least so many cells, and so many replicates.
_FINDING = "looking for the genes that fit worst"
_PILOT_ELEMENTS, _PILOT_CELLS, _PILOT_DRAWS = 2**20, 200, 20
# Cells on which the approximation is tested, more of them where that costs little.
_LAPLACE_CELLS, _MOST_LAPLACE_CELLS, _LITTLE = 64, 200, 40_000
# Shares of the progress.
READ, SOUGHT, _LOOKED, DRAWN, TESTED = 0.02, 0.25, 0.35, 0.85, 0.95


@dataclass(frozen=True)
class CheckRequest:
    """Settings of a check, as in `engine.checks.predictive_check`.

    Attributes
    ----------
    totals
        None: the default of the mode.
    genes
        Names of genes to show in detail, beside those of missed pairs, those that fit worst and
        the most informative ones.
    group
        Column of the labels of the cells; each label is checked on its own. Empty: none.
    """

    mode: Mode = "laplace"
    totals: CheckTotals | None = None
    n_draws: int = 100
    genes: tuple[str, ...] = ()
    group: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Checked:
    """Results of a check.

    Attributes
    ----------
    laplace
        The Laplace approximation against importance sampling; None for LDA, which does not use it.
    seconds
        Time that the check took.
    fit
        The fit that was checked.
    """

    request: CheckRequest
    check: PredictiveCheck
    laplace: LaplaceQuality | None
    seconds: float
    fit: AnyFit

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings in words, those about the Laplace approximation included."""
        warning = None if self.laplace is None else self.laplace.warning
        return (*([] if warning is None else [warning]), *self.check.findings)


def replicate(
    fit: AnyFit,
    counts: Counts,
    request: CheckRequest,
    cells: np.ndarray | None,
    handle: JobHandle,
    missed: MissedPairs | None = None,
) -> PredictiveCheck | None:
    """Check the fit, with progress up to `DRAWN`; None if the job is to stop before the end.

    Parameters
    ----------
    cells
        (C,) mask of the cells to check, or None for all.
    missed
        Pairs of genes that the fit misses: their genes are shown in detail.
    """
    from engine import checks

    look = partial(
        checks.predictive_check_iter,
        fit,
        counts,
        mode=request.mode,
        totals=request.totals,
        seed=request.seed,
    )
    keys = np.arange(counts.n_cells) if cells is None else np.flatnonzero(cells)
    # At most one block of cells: its compilation then serves the whole check too.
    few = max(min(checks.block_cells(counts), _PILOT_ELEMENTS // counts.n_genes), _PILOT_CELLS)
    if len(keys) > few:
        keys = np.random.default_rng(request.seed).choice(keys, few, replace=False)
    pilot = pull(
        look(n_draws=_PILOT_DRAWS, cells=keys),
        lambda step: step.check,
        handle,
        lambda share: handle.progress(SOUGHT + share * (_LOOKED - SOUGHT), _FINDING),
    )
    if pilot is None:
        return None
    return pull(
        look(
            n_draws=request.n_draws,
            genes=checks.genes_to_show(fit, request.genes, pilot.genes, missed),
            cells=cells,
            groups=fit.obs[request.group] if request.group else None,
        ),
        lambda step: step.check,
        handle,
        lambda share: handle.progress(_LOOKED + share * (DRAWN - _LOOKED), "drawing replicates"),
    )


def quality_iter(fit: AnyFit, counts: Counts) -> Iterator[LaplaceProgress]:
    """Test the Laplace approximation on a number of cells that takes little time."""
    from engine import checks

    n_cells = max(_LITTLE // counts.n_genes, _LAPLACE_CELLS)
    return checks.laplace_quality_iter(fit, counts, n_cells=min(n_cells, _MOST_LAPLACE_CELLS))


def structure_iter(fit: AnyFit, counts: Counts) -> Iterator[StructureProgress]:
    """Look for structure beyond the factors, unless the fit already holds the result."""
    from engine import checks

    known = checks.structure_of(fit)
    if known is None or known.unmeasured:
        yield from checks.residual_structure_iter(fit, counts)
    else:
        yield checks.StructureProgress(1.0, known)


def missed_iter(
    fit: AnyFit, counts: Counts, cells: np.ndarray | None = None
) -> Iterator[MissedProgress]:
    """Look for pairs of genes that the fit misses, in some cells or all."""
    from engine import checks

    return checks.missed_pairs_iter(fit, counts, cells=cells)


def finding_first(
    check: PredictiveCheck, result: ResidualStructure | None, missed: MissedPairs | None = None
) -> PredictiveCheck:
    """The check with findings on structure beyond the factors and on missed pairs put first."""
    if result is not None and not result.significant and missed is not None and missed.n_missed:
        # Pairs are reported once, by the search that covers more genes.
        result = None
    words = [one.words for one in (result, missed) if one is not None and one.words]
    return replace(check, findings=(*words, *check.findings), missed=missed)


def summary(fit: AnyFit, check: PredictiveCheck, laplace: LaplaceQuality | None) -> dict[str, Any]:
    """Summary of a check for JSON, see `engine.jobs.check_summary`."""
    return check.summary() | {
        "laplace": None if laplace is None else laplace.warning,
        "passes": fit.status.passes,
        "fit": check_file.digest(fit),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


class Fraction(Protocol):
    """A step of some work."""

    @property
    def fraction(self) -> float:
        """Share of the work that is done."""


def pull[S: Fraction, T](
    steps: Iterator[S],
    outcome: Callable[[S], T | None],
    handle: JobHandle,
    on_progress: Callable[[float], None],
) -> T | None:
    """The outcome of the last step; None if the job is to stop before."""
    with closing(cast(Any, steps)):
        for step in steps:
            result = outcome(step)
            if result is not None:
                return result
            if handle.stopping:
                return None
            on_progress(step.fraction)
    return None
