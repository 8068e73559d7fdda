"""The uncertainty of a run: computed by a background job, saved in the folder of the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigError, DataError, FitError
from engine.jobs.counts import counts_of
from engine.jobs.job import JobHandle
from engine.jobs.manager import Jobs
from engine.jobs.runs import Runs
from engine.jobs.status import JobError

if TYPE_CHECKING:
    from engine.checks import TopicUncertainty, Uncertainty, UncertaintyProgress
    from engine.data import Counts
    from engine.results import AnyFit

FILE = "uncertainty.npz"
METHODS = ("delta", "bootstrap")
# Share of the work that computes errors; the rest looks for structure beyond the factors.
_ERRORS = 0.7
# Replicates without which a bootstrap that was stopped keeps nothing.
_FEWEST_KEPT = 10


def submit_uncertainty(
    jobs: Jobs, run_id: str, method: str = "delta", n_boot: int = 50, *, seed: int = 0
) -> str:
    """Queue a job that computes the uncertainty of an ended run; returns at once.

    The job's result is an `Uncertainty`, or for topics a `TopicUncertainty`; it is saved in the
    run's folder, in place of an older one. A stopped bootstrap saves its replicates if there are at
    least 10; a cancelled one saves nothing.

    Parameters
    ----------
    method
        ``"delta"`` (one pass over the cells; not for topics) or ``"bootstrap"``.
    n_boot
        Replicates of the bootstrap.

    Returns
    -------
    The id of the job, a task.

    Raises
    ------
    ConfigError
        If there is no such method.
    JobError
        If there is no such run, it is somebody else's, or the server is closing.
    """
    if method not in METHODS:
        raise ConfigError(f"a method among {', '.join(METHODS)}", repr(method), "Choose one.")
    run = jobs.status(run_id)
    jobs.folder(run_id)
    # The result replaces the one that the owner of the run sees.
    jobs.permit(run_id)

    def work(handle: JobHandle) -> Any:
        fit = jobs.result(run_id)
        if fit is None:
            raise JobError("a run with a fit", f"none in {run_id}", "Wait until it has one.")
        handle.progress(0.0, "reading the counts")
        found = _follow(handle, steps(fit, counts_of(jobs, run_id, fit), method, n_boot, seed))
        if found is not None and not handle.discarding:
            found.save(jobs.folder(run_id) / FILE)
        return found

    return jobs.submit(f"uncertainty of {run.name}", work)


def kept_uncertainty(jobs: Runs, run_id: str) -> Uncertainty | TopicUncertainty | None:
    """The saved uncertainty of a run.

    None if there is none that can be read, or if the run has gone on since.

    Raises
    ------
    JobError
        If there is no such run.
    """
    from engine.checks import TopicUncertainty, Uncertainty

    path = jobs.folder(run_id) / FILE
    for kind in (Uncertainty, TopicUncertainty):
        with suppress(FitError):
            found: Uncertainty | TopicUncertainty = kind.load(path)
            return found if found.passes == jobs.status(run_id).passes else None
    return None


def steps(
    fit: AnyFit, counts: Counts, method: str, n_boot: int, seed: int
) -> Iterator[UncertaintyProgress[Any]]:
    """The steps of a method, by the model of the fit; of a fit with factors, what these miss."""
    from engine import checks

    if not fit.can("pair_uncertainty") and method != "delta":
        return checks.topic_bootstrap_iter(fit, counts, n_boot=n_boot, seed=seed)
    if method == "delta":
        found = checks.uncertainty_iter(fit, counts)
    else:
        found = checks.bootstrap_iter(fit, counts, n_boot=n_boot, seed=seed)
    return _with_structure(fit, counts, found)


def _with_structure(
    fit: AnyFit, counts: Counts, steps: Iterator[UncertaintyProgress[Uncertainty]]
) -> Iterator[UncertaintyProgress[Uncertainty]]:
    """Look for structure beyond the factors, after the errors have been computed."""
    from engine import checks
    from engine.jobs.checking import structure_iter

    found = None
    for step in steps:
        found = step.uncertainty or found
        yield replace(step, fraction=_ERRORS * step.fraction)
    if found is None:
        return
    # The errors are valid without: there may be too few genes or cells to look.
    with suppress(DataError):
        for look in structure_iter(fit, counts):
            if look.structure is not None:
                found = replace(found, structure=look.structure)
            else:
                yield checks.UncertaintyProgress(_ERRORS + (1 - _ERRORS) * look.fraction, found)
    yield checks.UncertaintyProgress(1.0, found)


def _follow(handle: JobHandle, steps: Iterator[UncertaintyProgress[Any]]) -> Any:
    found = None
    for step in steps:
        found = step.uncertainty or found
        handle.progress(step.fraction, "working out the uncertainty")
        if handle.stopping:
            enough = found is not None and found.n_boot >= _FEWEST_KEPT
            return found if step.fraction == 1 or enough else None
    return found
