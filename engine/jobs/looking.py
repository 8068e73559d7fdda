"""What genes share beyond the factors of a fit: looked for as it ends, and told with it."""

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


def looked(steps: Iterator[Progress[AnyFit]], counts: Counts) -> Iterator[Progress[AnyFit]]:
    """The steps of a fit, and once it has ended those of looking; the last has a fit that tells it.

    Whoever takes no more of them has the fit without.
    """
    last = None
    for last in steps:
        yield last
    if last is None or last.status.state == "running" or last.snapshot is None:
        return
    fit = last.snapshot()
    found: list[ResidualStructure] = []
    step = replace(last, phase=_PHASE, seconds_left=None, snapshot=None)
    try:
        for share in _look(fit, counts, found):
            yield replace(step, fraction=share)
    except Exception as error:
        # The fit is as good without; a run's log has what is being done.
        yield replace(step, phase=f"{_PHASE} failed: {describe(error)}")
    if found:
        yield replace(last, snapshot=partial(_told, fit, found[0]))


def look(fit: AnyFit, counts: Counts, stopping: Callable[[], bool]) -> AnyFit:
    """The fit with what genes share beyond its factors in its ``data``.

    As it is if that cannot be looked for: topics, few cells, or if it is to stop.
    """
    found: list[ResidualStructure] = []
    for _ in _look(fit, counts, found):
        if stopping():
            return fit
    return _told(fit, found[0]) if found else fit


def _told(fit: AnyFit, found: ResidualStructure) -> AnyFit:
    from engine.checks import with_structure

    return with_structure(fit, found)


def _look(fit: AnyFit, counts: Counts, found: list[ResidualStructure]) -> Iterator[float]:
    from engine import checks

    if not fit.can("structure"):
        return
    try:
        for step in checks.residual_structure_iter(fit, counts):
            if step.structure is not None:
                found.append(step.structure)
            yield step.fraction
    except DataError:
        # Too few cells or genes to tell: the fit is as good without.
        return
