"""Removes half-written files and runs that killed servers left in a home."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from engine.jobs.locks import claim

Turn = Callable[[], AbstractContextManager[None]]

NEW, DELETED = ".new-", ".deleted-"
HOUR = 3600.0
# Temporary files (`engine.files.atomic`, and uploads) of runs and of what is saved with them, of
# sweeps and of uploads; people who log in have folders of their own below these.
_PARTS = (
    "runs/*/.*.part",
    "runs/*/*/.*.part",
    "sweeps/.*.part",
    "uploads/.*.part",
    "uploads/*/.*.part",
    "viewers/**/.*.part",
)


def clean(home: Path, turn: Turn, *, age: float = HOUR, now: float | None = None) -> int:
    """Remove runs whose making or deletion was interrupted, and half-written files.

    Other servers may use the home meanwhile: a folder is removed if nobody holds its lock, a file
    if nobody has written to it lately. What cannot be removed stays until the next call.

    Parameters
    ----------
    turn
        Context manager for the right, among all servers, to make and to lock folders of runs.
    age
        Seconds after which a file that nobody writes to is removed.
    now
        Seconds since the epoch; the present by default.

    Returns
    -------
    Number of folders and files removed.
    """
    moment = time.time() if now is None else now
    removed = 0
    runs = home / "runs"
    for folder in runs.glob(f"{NEW}*"):
        with suppress(OSError), turn():
            if _abandoned(folder):
                folder.rename(runs / f"{DELETED}{folder.name}")
    for folder in runs.glob(f"{DELETED}*"):
        remove_tree(folder)
        removed += not os.path.lexists(folder)
    for file in _files(home):
        with suppress(OSError):
            if moment - file.stat().st_mtime > age:
                file.unlink()
                removed += 1
    return removed


def remove_tree(folder: Path) -> None:
    """Remove a folder as far as permissions allow; of a link, only the link."""
    with suppress(OSError):
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _files(home: Path) -> Iterator[Path]:
    for pattern in _PARTS:
        yield from home.glob(pattern)
    # Empty files that uploads make to reserve their final name.
    for pattern in ("uploads/[!.]*", "uploads/*/[!.]*"):
        for file in home.glob(pattern):
            with suppress(OSError):
                if file.is_file() and file.stat().st_size == 0:
                    yield file


def _abandoned(folder: Path) -> bool:
    """Whether nobody is making this run: its maker would hold the lock."""
    with suppress(OSError):
        lock = claim(folder)
        if lock is not None:
            lock.release()
            return True
    return False
