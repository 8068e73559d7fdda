"""The jobs of a server for one person: the only place that decides who may do what."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.jobs.job_status import JobError, JobStatus
from engine.jobs.manager import Jobs
from engine.jobs.ownership import UNKNOWN_OWNER

Recorder = Callable[[str, str], None]


class ForeignRun(JobError):
    """The run belongs to somebody else, or only its owner may do this."""


class OwnJobs(Jobs):
    """The jobs of a server without unshared runs of other people.

    Every read of a run goes through `status`, `list` or `folder`, and every change of one
    or of what lies with it through `_change` or `permit`. Runs without an owner are everybody's.

    Parameters
    ----------
    jobs
        Jobs of the server; the queue and the folder stay shared.
    who
        Name of the person, who owns new runs. Empty: a guest without a login.
    record
        Called with each change: what was done, and the id of the run.
    room
        Called before a run begins or goes on; raises if its owner has no room left.
    """

    def __init__(
        self,
        jobs: Jobs,
        who: str,
        record: Recorder = lambda did, id: None,
        room: Callable[[], None] = lambda: None,
    ) -> None:
        # All but the name is the server's own.
        self.__dict__.update(jobs.__dict__)
        self.who, self._record, self._room = who, record, room

    def sees(self, status: JobStatus) -> bool:
        """Whether this person may see a job."""
        return status.kind != "fit" or status.shared or status.owner in ("", self.who)

    def status(self, id: str) -> JobStatus:
        """As in `Jobs`; `ForeignRun` if the run is somebody else's and not shared."""
        status = super().status(id)
        if self.sees(status):
            return status
        owner = status.owner
        if owner == UNKNOWN_OWNER:
            raise ForeignRun(
                "a run of yours, or one that is shared",
                f"{id}, whose owner cannot be read any more",
                "Ask whoever runs this server to look at its folder.",
            )
        raise ForeignRun(
            "a run of yours, or one that is shared",
            f"{id}, which belongs to {owner}",
            f"Ask {owner} to share it with everyone on this server.",
        )

    def list(self) -> list[JobStatus]:
        """The jobs that this person may see, the newest first."""
        return [status for status in super().list() if self.sees(status)]

    def folder(self, id: str) -> Path:
        """As in `Jobs`; `ForeignRun` if the run is somebody else's and not shared."""
        path = super().folder(id)
        self.status(id)
        return path

    def whole(self, group: str) -> bool:
        """Whether this person may see all runs of a sweep."""
        runs = [status for status in super().list() if status.group == group]
        return bool(runs) and all(map(self.sees, runs))

    def resume(self, id: str) -> None:
        """As in `Jobs`, for the owner, who must have room for what the run writes."""
        resume = super().resume

        def go_on(id: str) -> None:
            self._room()
            resume(id)

        self._change("resumed", id, go_on)

    def rename(self, id: str, name: str) -> None:
        """As in `Jobs`, for the owner."""
        self._change("renamed", id, super().rename, name)

    def share(self, id: str, shared: bool) -> None:
        """As in `Jobs`, for the owner."""
        self._change("shared" if shared else "unshared", id, super().share, shared)

    def name_factors(self, id: str, names: Sequence[str], passes: int) -> None:
        """As in `Jobs`, for the owner."""
        self._change("named", id, super().name_factors, names, passes)

    def delete(self, id: str) -> None:
        """As in `Jobs`, for the owner."""
        self._change("deleted", id, super().delete)

    def submit_fit(self, *given: Any, **more: Any) -> str:
        """As in `Jobs`; the run is this person's."""
        self._room()
        id = super().submit_fit(*given, **more)
        self._record("ran", id)
        return id

    def _ask(self, id: str, *more: Any) -> None:
        self._change("stopped", id, super()._ask, *more)

    def permit(self, id: str) -> None:
        """As in `Jobs`; `ForeignRun` if the run is somebody else's, shared or not."""
        status = self.status(id)
        if status.kind == "fit" and status.owner not in ("", self.who):
            raise ForeignRun(
                "a run of yours",
                f"{id}, which {status.owner} shares",
                f"Ask {status.owner} to do this.",
            )

    def _change(self, did: str, id: str, change: Callable[..., None], *more: Any) -> None:
        """Apply a change that only the owner of a run may make."""
        self.permit(id)
        is_run = self.status(id).kind == "fit"
        change(id, *more)
        if is_run:
            self._record(did, id)

    def used(self) -> int:
        """Bytes that this person's runs take on disk."""
        mine = [run.id for run in super().list() if run.owner == self.who != ""]
        return sum(size_of(self.home / "runs" / id) for id in mine)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder; files that are removed meanwhile are not counted."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total
