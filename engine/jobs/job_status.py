"""Status of a job as sessions see it: immutable snapshots, and their form on disk."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from engine.errors import EngineError
from engine.jobs.ownership import owner_of
from engine.registry import config_from_dict

JobState = Literal["queued", "running", "done", "stopped", "failed", "interrupted", "cancelled"]
JobKind = Literal["fit", "task"]

_UNKNOWN = math.nan
# Seconds since the epoch, and a count, that no run reaches.
_LATEST, _MOST = 1e11, 1e15
_NUMBERS = ("log_marginal_per_cell", "gradient_median", "gradient_worst", "peak_memory_mb")
# Settings of the run, which are saved in another file than its progress.
_OF_RUN = (
    *("id", "kind", "name", "created", "request", "config"),
    *("subset", "holdout", "split", "group", "owner", "shared"),
)


class JobError(EngineError):
    """A job does not exist, or cannot do what was requested."""


@dataclass(frozen=True)
class JobStatus:
    """Status of one job. A new object replaces it at every change.

    Attributes
    ----------
    id, name, kind
        Identity, label shown to people, and "fit" (kept on disk) or "task" (not kept).
    state
        "queued", "running", then one of "done", "stopped" (best so far kept), "failed",
        "interrupted" (its server went away; can be resumed), "cancelled" (discarded).
    phase
        What is being done, in words.
    fraction
        Share of the work done, 0 to 1, an estimate.
    seconds, seconds_left
        Time spent and estimated, seconds; None while nothing is known.
    passes, n_failed_cells
        Passes over the cells, those before a resumption included, and cells whose Newton
        iteration failed in the last one.
    log_marginal_per_cell, gradient_median, gradient_worst
        As in `engine.fitting.progress.Progress`; NaN before the first pass.
    trace
        (seconds, log_marginal_per_cell), one pair for each new value.
    message
        Plain words: how it ended or, for a failure, what was expected, found and to do.
    log
        What happened, one line for each event.
    created
        Seconds since the epoch.
    request, config
        The DataRequest and the configuration, as their ``to_dict`` gives them.
    subset
        The cells that are fitted, as `engine.jobs.cell_subset.CellSubset.to_dict` describes them;
        empty: all.
    holdout
        Share of the cells that is set aside and that the fit is scored on; 0: none.
    split
        Whether one half of each count is fitted; the other is kept for tests of groups.
    group
        Id of the sweep that the run belongs to; empty for a run of its own.
    owner, shared
        Who started the run, and whether others may look at it; empty: everybody's.
    score
        Score on the held-out cells: `engine.checks.Score` and `engine.checks.Quality`, as their
        ``to_dict`` gives them; None before, and without held-out cells.
    revision
        Grows with each change.
    peak_memory_mb
        Largest resident memory of the server process until now, MB (10^6 bytes); NaN before
        the first pass.
    """

    id: str
    name: str
    kind: JobKind
    state: JobState
    created: float
    phase: str = ""
    fraction: float = 0.0
    seconds: float = 0.0
    seconds_left: float | None = None
    passes: int = 0
    n_failed_cells: int = 0
    log_marginal_per_cell: float = _UNKNOWN
    gradient_median: float = _UNKNOWN
    gradient_worst: float = _UNKNOWN
    trace: tuple[tuple[float, float], ...] = ()
    message: str = ""
    log: tuple[str, ...] = ()
    request: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    subset: dict[str, Any] = field(default_factory=dict)
    holdout: float = 0.0
    split: bool = False
    group: str = ""
    owner: str = ""
    shared: bool = False
    score: dict[str, Any] | None = None
    revision: int = 0
    peak_memory_mb: float = _UNKNOWN

    @classmethod
    def new(cls, kind: JobKind, name: str, **settings: Any) -> JobStatus:
        """A queued job with a unique id that sorts by time."""
        created = time.time()
        given: dict[str, Any] = {
            "id": new_id(created),
            "name": name,
            "kind": kind,
            "created": created,
        } | settings
        return cls(state="queued", phase="waiting", **given)

    @classmethod
    def damaged(cls, id: str, created: float, why: str, owner: str) -> JobStatus:
        """Status of a run whose files cannot be read: it is listed, and can be deleted."""
        message = f"The files of this run cannot be read ({why})."
        return cls(id, id, "fit", "failed", created, message=message, owner=owner)

    @property
    def active(self) -> bool:
        """Whether the job is queued or running."""
        return self.state in ("queued", "running")

    def interrupted(self) -> JobStatus:
        """Status of a queued or running job after its server has died."""
        how = "while it was running" if self.state == "running" else "before it began"
        then = f"to go on from pass {self.passes}" if self.passes else "to begin again"
        return replace(
            self,
            state="interrupted",
            phase="",
            seconds_left=None,
            message=f"The server stopped {how}. Resume it {then}.",
            revision=self.revision + 1,
        )

    def requeued(self) -> JobStatus:
        """Status of an ended run that is queued again."""
        return replace(
            self,
            state="queued",
            phase="waiting",
            message="",
            fraction=0.0,
            score=None,
            log=(*self.log, "resumed"),
            revision=self.revision + 1,
        )

    def to_parts(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The settings of the run, and its progress, both ready for JSON."""
        run = {name: getattr(self, name) for name in _OF_RUN if name != "id"}
        names = [item.name for item in fields(self) if item.name not in _OF_RUN]
        progress = {name: getattr(self, name) for name in names}
        for name in _NUMBERS:
            progress[name] = progress[name] if math.isfinite(progress[name]) else None
        return run, progress

    @classmethod
    def from_parts(cls, id: str, run: Mapping[str, Any], progress: Mapping[str, Any]) -> JobStatus:
        """The inverse of `to_parts`.

        Raises
        ------
        ValueError, KeyError, TypeError, EngineError
            If the parts were not written by `to_parts`, or hold values that no run has.
        """
        state, left, score = progress["state"], progress["seconds_left"], progress.get("score")
        if state not in get_args(JobState):
            raise ValueError(f"unknown state {state!r}")
        if run["config"]:
            config_from_dict(run["config"])
        if not isinstance(run["request"].get("source", ""), str):
            raise ValueError("a source that is no path")
        return cls(
            id=id,
            name=_text("name", run["name"]),
            kind="fit",
            state=state,
            created=_within("created", run["created"], _LATEST),
            request=dict(run["request"]),
            config=dict(run["config"]),
            # Older runs lack the following ones, up to the score.
            subset=_subset(run.get("subset") or {}),
            holdout=_within("holdout", run.get("holdout", 0.0), 1.0),
            split=run.get("split") is True,
            group=_text("group", run.get("group", "")),
            owner=owner_of(run),
            shared=run.get("shared") is True,
            score=None if score is None else _score(score),
            phase=_text("phase", progress["phase"]),
            # A sum of shares may be off by its rounding.
            fraction=_within("fraction", progress["fraction"], 1 + 1e-6),
            seconds=_within("seconds", progress["seconds"], _LATEST),
            seconds_left=None if left is None else _within("seconds_left", left, _LATEST),
            passes=int(_within("passes", progress["passes"], _MOST)),
            n_failed_cells=int(_within("n_failed_cells", progress["n_failed_cells"], _MOST)),
            trace=tuple((_finite("trace", at), _finite("trace", v)) for at, v in progress["trace"]),
            message=_text("message", progress["message"]),
            log=tuple(_text("log", line) for line in progress["log"]),
            revision=int(_within("revision", progress["revision"], _MOST)),
            **{
                name: _UNKNOWN if progress[name] is None else _finite(name, progress[name])
                for name in _NUMBERS
            },
        )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} of {str(value)[:40]}, no text")
    return value


def _subset(values: Mapping[str, Any]) -> dict[str, Any]:
    if not values:
        return {}
    of = int(_within("of", values["of"], _MOST))
    # Earlier releases wrote found_here.
    name = "found_here" if "found_here" in values else "data_driven"
    return {
        "words": _text("words", values["words"]),
        "data_driven": values[name] is True,
        "cells": int(_within("cells", values["cells"], of)),
        "of": of,
    }


def _score(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parse the numbers of a score by name; older runs have fewer of them."""
    for name, value in values.items():
        if name not in ("model", "is_bound") and value is not None:
            _finite(f"a score whose {name} is", value)
    return dict(values)


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} of {str(value)[:40]}")
    return float(value)


def _within(name: str, value: object, most: float) -> float:
    number = _finite(name, value)
    if not 0 <= number <= most:
        raise ValueError(f"{name} of {number:g}")
    return number


def one_line(name: str | None) -> str:
    """A name without line breaks, of at most 200 characters."""
    return " ".join((name or "").split())[:200]


def new_id(created: float) -> str:
    """A unique id that sorts by time, in seconds since the epoch."""
    moment = datetime.fromtimestamp(created, UTC).strftime("%Y%m%d-%H%M%S-%f")
    return f"{moment}-{secrets.token_hex(3)}"
