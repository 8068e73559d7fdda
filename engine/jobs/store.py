"""Runs on disk: one folder each, written so that a killed server leaves nothing half-written.

A server holds an advisory lock on every run that it queues or works on. The system drops
the lock when the process dies, however it dies: a run that says "running" and is not
locked was interrupted.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from engine.errors import FitError
from engine.files.atomic import atomic_write
from engine.files.own_files import read_json
from engine.jobs.job_status import JobError, JobStatus
from engine.jobs.leftovers import DELETED, NEW, clean, remove_tree
from engine.jobs.locks import LOCK, RunLock, claim, open_lock
from engine.jobs.ownership import owner_in

FORMAT = 1
FIT = "fit.h5ad"
CHECKPOINT = "checkpoint.h5ad"
LOG = "log.txt"
_RUN, _STATUS = "run.json", "status.json"

Signature = tuple[int, int, int]


def default_home() -> Path:
    """The folder of runs: LOGRATIO_HOME, else a folder under the user's data directory."""
    named = os.environ.get("LOGRATIO_HOME")
    return Path(named).expanduser() if named else platformdirs.user_data_path("logratio")


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run."""
    return folder.parent.name == "runs" and (folder / _RUN).is_file()


class RunStore:
    """The folder of all runs, shared by every server that uses the same home.

    Raises
    ------
    JobError
        If the folder cannot be made or does not support locks.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.runs = home / "runs"
        self._read: dict[str, tuple[tuple[Signature, Signature], JobStatus]] = {}
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            with self._turn():
                pass
        except OSError as error:
            raise JobError(
                "a folder to keep runs in, on a disk that supports file locks",
                f"{home}: {error.strerror}",
                "Set LOGRATIO_HOME to a folder you may write to.",
            ) from error
        self.clean()
        # The error while runs cannot be listed; else None.
        self.trouble: JobError | None = None

    def clean(self, now: float | None = None) -> int:
        """Remove what killed servers left half-written; return how many files and folders."""
        return clean(self.home, self._turn, now=now)

    def ids(self) -> list[str]:
        """All runs on disk, in no particular order; none, and `trouble`, if they cannot be read."""
        try:
            with os.scandir(self.runs) as entries:
                names = [item.name for item in entries if item.is_dir() and item.name[0] != "."]
        except OSError as error:
            self.trouble = JobError(
                f"the folder of the runs, {self.runs}",
                str(error.strerror),
                "Bring it back; what this page shows stays. A new fit makes an empty one.",
            )
            return []
        self.trouble = None
        return names

    def path(self, id: str, name: str = "") -> Path:
        """A file of a run, whether or not it exists."""
        return self.runs / id / name

    def __contains__(self, id: str) -> bool:
        # An id may come from a URL: only a direct child of the folder is a run.
        if not id or id != Path(id).name or id.startswith("."):
            return False
        try:
            return self.path(id).is_dir()
        except (OSError, ValueError):
            return False

    def fits(self, id: str) -> list[Path]:
        """Files of the fits of a run, the newest first.

        Raises
        ------
        FitError
            If one of them is a link: what it leads to may be anybody's.
        """
        dated = []
        for path in (self.path(id, FIT), self.path(id, CHECKPOINT)):
            with suppress(FileNotFoundError):
                state = path.lstat()
                if stat.S_ISLNK(state.st_mode):
                    got = f"{path.name} of {id}, a link to another place"
                    raise FitError("a fit in the folder of its run", got, "Move it there.")
                dated.append((state.st_mtime_ns, path))
        return [path for _, path in sorted(dated, key=lambda item: item[0], reverse=True)]

    def create(self, status: JobStatus, save: Callable[[Path], None] | None = None) -> RunLock:
        """Make the folder of a new run in one step, with what ``save`` writes; return its lock."""
        new = self.runs / f"{NEW}{status.id}"
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            with self._turn():
                new.mkdir()
                lock = claim(new)
            assert lock is not None, "nobody else knows of this folder yet"
            run, progress = status.to_parts()
            write_json(new / _RUN, {"format": FORMAT, **run})
            write_json(new / _STATUS, progress)
            if save is not None:
                save(new)
            new.rename(self.path(status.id))
        except OSError as error:
            # The lock goes with the folder: nobody can ask for it any more.
            shutil.rmtree(new, ignore_errors=True)
            raise _cannot_write(error) from error
        return lock

    def lock(self, id: str) -> RunLock:
        """Claim a run that no living server works on.

        Raises
        ------
        JobError
            If there is no such run, or another server has it.
        """
        try:
            lock = self._try_lock(self.path(id)) if id in self else None
        except OSError as error:
            raise _cannot_write(error) from error
        if id not in self:
            if lock is not None:
                lock.release()
            raise no_such_job(id)
        if lock is None:
            raise JobError(
                "a run that no other server is working on",
                f"{id} in use by another server",
                "Do this on the page of that server, or wait until the run has ended.",
            )
        return lock

    def read(self, id: str) -> JobStatus | None:
        """Status of a run; None if there is no such run.

        A damaged run counts as failed, with a message that says so.
        """
        if id not in self:
            return None
        try:
            status = self._parse(id)
            if not status.active:
                return status
            lock = self._try_lock(self.path(id))
            if lock is None:
                return status
            lock.release()
            # Its server may have written the end between our reading and our look at the lock.
            status = self._parse(id)
            return status.interrupted() if status.active else status
        except Exception as error:  # whatever is in that folder, the other runs must be listed
            return _damaged(id, self.path(id), error) if id in self else None

    def write_status(self, status: JobStatus) -> None:
        """Replace the progress of a run. Only the holder of its lock may.

        Raises
        ------
        JobError
            If it cannot be written.
        """
        run, progress = status.to_parts()
        try:
            # If somebody removed the home meanwhile, make it again: the run goes on.
            self.path(status.id).mkdir(parents=True, exist_ok=True)
            if not self.path(status.id, _RUN).exists():
                write_json(self.path(status.id, _RUN), {"format": FORMAT, **run})
            write_json(self.path(status.id, _STATUS), progress)
        except OSError as error:
            raise _cannot_write(error) from error

    def label(self, id: str, **labels: Any) -> None:
        """Change a run's name, sharing or configuration. Any server may, without its lock."""
        try:
            with self._turn():
                run = read_json(self.path(id, _RUN))
                write_json(self.path(id, _RUN), {**run, **labels})
        except (FileNotFoundError, ValueError, TypeError) as error:
            raise JobError("a readable run", f"{id} is damaged", "Delete the run.") from error
        except OSError as error:
            raise _cannot_write(error) from error

    def remove(self, id: str) -> None:
        """Delete a run: hide its folder, then remove the files. Only the holder of its lock may."""
        hidden = self.runs / f"{DELETED}{id}-{uuid.uuid4().hex}"
        try:
            self.path(id).rename(hidden)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _cannot_write(error) from error
        remove_tree(hidden)
        self._read.pop(id, None)

    def sweep(self, id: str) -> None:
        """Delete half-written files that a killed server left in a run."""
        for part in self.path(id).glob(".*.part"):
            part.unlink(missing_ok=True)

    def _parse(self, id: str) -> JobStatus:
        paths = self.path(id, _RUN), self.path(id, _STATUS)
        signatures = signature(paths[0]), signature(paths[1])
        known = self._read.get(id)
        if known is not None and known[0] == signatures:
            return known[1]
        run, progress = map(read_json, paths)
        if run["format"] > FORMAT:
            raise ValueError("written by a newer version of Logratio")
        status = JobStatus.from_parts(id, run, progress)
        self._read[id] = signatures, status
        return status

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock of the home, among all threads and servers; for microseconds only."""
        descriptor = open_lock(self.home / LOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _try_lock(self, folder: Path) -> RunLock | None:
        # In turns, so that a mere look at a lock never makes another server's claim fail.
        with self._turn():
            return claim(folder)


def signature(path: Path) -> Signature:
    """Time, size and inode of a file: they change whenever it is replaced."""
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def no_such_job(id: str) -> JobError:
    """The error for an id of no known job."""
    return JobError("the id of a run", f"{id!r}", "Choose a run from the list; it may be deleted.")


def _damaged(id: str, folder: Path, error: Exception) -> JobStatus:
    try:
        created = folder.stat().st_mtime
    except OSError:
        created = 0.0
    why = f"{type(error).__name__}: {error}"[:300]
    return JobStatus.damaged(id, created, why, owner_in(folder / _RUN))


def _cannot_write(error: OSError) -> JobError:
    return JobError(
        "room to write the run", str(error.strerror), "Free some space or check the permissions."
    )


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Replace the file as a whole. Raises OSError."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False), encoding="utf-8")
