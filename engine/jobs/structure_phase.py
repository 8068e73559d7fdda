"""Looks for structure beyond the factors at the end of a fit, and saves the result with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import DataError
from engine.fitting.progress import Progress
from engine.jobs.failures import describe
from engine.results import AnyFit

if TYPE_CHECKING:
    from engine.checks import ResidualStructure
    from engine.data import Counts

_PHASE = "looking for what the factors miss"


def with_structure_search(
    steps: Iterator[Progress[AnyFit]], counts: Counts
) -> Iterator[Progress[AnyFit]]:
    """The steps of a fit, then those of the search; the fit of the last step holds the result.

    A caller that stops earlier has the fit without the result.
    """
    last = None
    for last in steps:
        yield last
    if last is None or last.status.state == "running" or last.snapshot is None:
        return
    fit = last.snapshot()
    results: list[ResidualStructure] = []
    step = replace(last, phase=_PHASE, seconds_left=None, snapshot=None)
    try:
        for share in _search_steps(fit, counts, results):
            yield replace(step, fraction=share)
    except Exception as error:
        # The fit is valid without it; the phase, and so the run's log, says what failed.
        yield replace(step, phase=f"{_PHASE} failed: {describe(error)}")
    if results:
        yield replace(last, snapshot=partial(_add_structure, fit, results[0]))


def search_structure(fit: AnyFit, counts: Counts, stopping: Callable[[], bool]) -> AnyFit:
    """The fit with the structure beyond its factors in its ``data``.

    The fit is returned unchanged for topics, too few cells, or if the job is to stop.
    """
    results: list[ResidualStructure] = []
    for _ in _search_steps(fit, counts, results):
        if stopping():
            return fit
    return _add_structure(fit, results[0]) if results else fit


def _add_structure(fit: AnyFit, result: ResidualStructure) -> AnyFit:
    from engine.checks import with_structure

    return with_structure(fit, result)


def _search_steps(fit: AnyFit, counts: Counts, results: list[ResidualStructure]) -> Iterator[float]:
    from engine import checks

    if not fit.can("structure"):
        return
    try:
        for step in checks.residual_structure_iter(fit, counts):
            if step.structure is not None:
                results.append(step.structure)
            yield step.fraction
    except DataError:
        # Too few cells or genes for the test: the fit is valid without it.
        return
