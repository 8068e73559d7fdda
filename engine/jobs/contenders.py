"""Reads the parts of finished runs that a comparison needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.jobs import check_file
from engine.jobs.job_status import JobError, JobStatus
from engine.jobs.runs import Runs
from engine.registry import config_from_dict
from engine.results import outline

if TYPE_CHECKING:
    from engine.checks import Contender


def contender(jobs: Runs, status: JobStatus, like: Contender | None = None) -> Contender:
    """Read the parts of a run that a comparison needs; its large arrays stay on disk.

    Parameters
    ----------
    like
        Another run whose names of cells and genes are reused if equal: a million names take a
        hundred megabytes.

    Raises
    ------
    EngineError
        If the run is gone, or has no result that can be read.
    """
    from engine.checks import Contender

    path = jobs.fit_file(status.id)
    if path is None:
        raise JobError("a run with a result", f"none in {status.name!r}", "Resume it, or fit anew.")
    config = config_from_dict(status.config)
    if config.automatic:
        got = f"{status.name!r}, whose number is still to be chosen"
        raise JobError("a run whose number of factors is known", got, "Resume it, or fit anew.")
    own = outline(path)
    return Contender(
        id=status.id,
        name=status.name,
        state=status.state,
        config=config,
        seconds=status.seconds,
        passes=status.passes,
        score=status.score,
        cells=jobs.cell_scores(status.id) if status.score is not None else None,
        outline=own if like is None else own.sharing(like.outline),
        checked=check_file.by_mode(jobs.folder(status.id), status.passes),
    )
