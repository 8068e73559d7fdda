"""Sweeps: runs that belong together, one for each number of topics or factors and each seed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError, FitError
from engine.files.own_files import read_json
from engine.jobs.cell_subset import CellSubset
from engine.jobs.job_status import JobError, JobStatus, new_id
from engine.jobs.manager import Jobs
from engine.jobs.runs import Runs
from engine.jobs.store import write_json
from engine.registry import Config, config_from_dict

if TYPE_CHECKING:
    from engine.checks import Sweep, Trial
    from engine.data import Counts, DataRequest

_FOLDER = "sweeps"


def submit_sweep(
    jobs: Jobs,
    request: DataRequest,
    config: Config,
    values: Sequence[int],
    *,
    seeds: int = 1,
    holdout: float = 0.1,
    counts: Counts | None = None,
    subset: CellSubset | None = None,
) -> str:
    """Queue a run for every number and seed; returns at once.

    The runs are ordinary jobs, ordered by seed, so that all numbers of the first seed can soon be
    compared. `sweep_of` returns their comparison.

    Parameters
    ----------
    request, counts, subset
        As in `Jobs.submit_fit`.
    config
        Configuration of all runs; its number of topics or factors is not used, and its seed is
        the first one.
    values
        Numbers of topics or factors.
    seeds
        Number of seeds; each seed holds out other cells.
    holdout
        Share of the cells that is held out.

    Returns
    -------
    The id of the sweep.

    Raises
    ------
    ConfigError
        If there are no values, no seeds or no cells to hold out, or a value is out of range.
    JobError
        If a run cannot be written, or the server is closing.
    """
    tried = sorted(set(values))
    if not tried or seeds < 1 or not holdout > 0:
        raise ConfigError(
            "at least one number to try, one seed and a share of cells to hold out above 0",
            f"{len(tried)} numbers, {seeds} seeds and a share of {holdout:g}",
            "Change values, seeds or holdout.",
        )
    configs = [
        replace(config.sized(value), seed=config.seed + seed)
        for seed in range(seeds)
        for value in tried
    ]
    group = new_id(time.time())
    for one in configs:
        name = _run_name(request, counts, one, seeds)
        jobs.submit_fit(
            request,
            one,
            name=name if subset is None else f"{subset.words} · {name}",
            counts=counts,
            subset=subset,
            holdout=holdout,
            group=group,
        )
    return group


def numbers(text: str) -> list[int]:
    """Parse the numbers to try from a text; ConfigError if it holds anything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise ConfigError(
            "whole numbers with commas between them", repr(text), "Give values such as 5,10,20."
        )
    return [int(part) for part in parts]


def runs_of(jobs: Runs, id: str) -> list[JobStatus]:
    """The existing runs of a sweep, in the order of the queue."""
    return [status for status in reversed(jobs.list()) if id and status.group == id]


def stop_sweep(jobs: Jobs, id: str) -> None:
    """Stop the queued and running fits of a sweep; `resume_sweep` goes on."""
    # The last first: else the queue would start each next run before it is stopped.
    for status in reversed(runs_of(jobs, id)):
        jobs.stop(status.id)


def resume_sweep(jobs: Jobs, id: str) -> None:
    """Queue the interrupted, stopped and failed runs of a sweep again."""
    for status in runs_of(jobs, id):
        if status.state in ("interrupted", "stopped", "failed"):
            jobs.resume(status.id)


def list_sweeps(jobs: Runs) -> list[str]:
    """Ids of all sweeps, the newest first: those with runs, and those saved in a file."""
    ids = {status.group for status in jobs.list() if status.group}
    saved = {path.stem for path in (jobs.home / _FOLDER).glob("[!.]*.json")}
    ids |= {id for id in saved if jobs.whole(id)}
    return sorted(ids, reverse=True)


def sweep_of(jobs: Runs, id: str) -> Sweep:
    """The comparison of a sweep so far: a table of the numbers tried, and the one to choose.

    While runs are active the call is quick enough to be polled. The first call after all have ended
    loads the fits to compare their topics or factors, which may take seconds, and saves the result
    in a file, which outlives the runs.

    Raises
    ------
    JobError
        If there is no such sweep.
    """
    runs, saved = runs_of(jobs, id), _read(jobs.home, id)
    whole = jobs.whole(id)
    if saved is not None and whole:
        revisions = dict(zip(saved.runs["id"], saved.runs["revision"], strict=True))
        if all(revisions.get(run.id) == run.revision for run in runs):
            return saved
    if not runs:
        raise JobError(
            "the id of a sweep", repr(id), "Choose one from the list; it may be deleted."
        )
    from engine import checks

    finished = not any(run.active for run in runs)
    result = checks.sweep(
        [_trial(jobs, run, with_programmes=finished) for run in runs],
        id=id,
        name=_name(runs[0]),
        model=_config(runs[0]).model,
        holdout=runs[0].holdout,
        finished=finished,
    )
    if finished and whole:
        path = _path(jobs.home, id)
        # The comparison can be made again from the runs.
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            write_json(path, result.to_dict())
    return result


def _trial(jobs: Runs, run: JobStatus, *, with_programmes: bool) -> Trial:
    from engine import checks
    from engine.checks.quality import programmes

    config = _config(run)
    compared = run.state == "done" and run.score is not None
    fit = None
    if compared and with_programmes:
        # The table does without a fit that is damaged or was deleted this moment.
        with suppress(FitError, JobError):
            fit = jobs.result(run.id)
    return checks.Trial(
        id=run.id,
        revision=run.revision,
        value=config.size,
        seed=config.seed,
        state=run.state,
        message=run.message,
        seconds=run.seconds,
        score=run.score,
        cells=jobs.cell_scores(run.id) if compared else None,
        programmes=None if fit is None else programmes(fit),
    )


def _config(run: JobStatus) -> Config:
    return config_from_dict(run.config)


def _run_name(request: DataRequest, counts: Counts | None, config: Config, seeds: int) -> str:
    data = counts.name if counts is not None else Path(request.source).stem
    seed = f" · seed {config.seed}" if seeds > 1 else ""
    return f"{data} · {config.label}{seed}"


def _name(run: JobStatus) -> str:
    return f"{Path(run.request['source']).stem} · {_config(run).model}"


def _path(home: Path, id: str) -> Path:
    return home / _FOLDER / f"{id}.json"


def _read(home: Path, id: str) -> Sweep | None:
    """The saved comparison; None if there is none that can be read."""
    # An id may come from a URL.
    if not id or id != Path(id).name or id.startswith("."):
        return None
    from engine.checks import Sweep

    try:
        return Sweep.from_dict(read_json(_path(home, id)))
    except (OSError, ValueError, KeyError, TypeError):
        return None
