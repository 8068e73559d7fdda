"""Advisory locks of runs: the system drops them when the process that holds them dies."""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from pathlib import Path

LOCK = "lock"


class RunLock:
    """The right to change a run, until released."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the right back; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_lock(path: Path) -> int:
    """A descriptor to lock, opened for reading only if the disk cannot be written."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC):
            raise
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def claim(folder: Path) -> RunLock | None:
    """The right to change a run; None if a living server has it, or there is no such folder."""
    try:
        try:
            descriptor = open_lock(folder / LOCK)
        except OSError as error:
            if error.errno not in (errno.EISDIR, errno.ELOOP):
                raise
            # A folder or a link: nobody holds it.
            (folder / LOCK).rename(folder / f"{LOCK}-{uuid.uuid4().hex}")
            descriptor = open_lock(folder / LOCK)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return RunLock(descriptor)
