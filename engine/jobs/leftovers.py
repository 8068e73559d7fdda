"""What killed servers leave half-written in a home, and its removal."""

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
# Files under a temporary name: of runs and what is kept with them, sweeps, and uploads, those of
# people who log in being in folders of their own.
_PARTS = (
    "runs/*/.*.part",
    "runs/*/*/.*.part",
    "sweeps/.*.part",
    "uploads/.*.part",
    "uploads/*/.*.part",
    "viewers/**/.*.part",
)


def clean(home: Path, turn: Turn, *, age: float = HOUR, now: float | None = None) -> int:
    """Remove runs that were being made or deleted, and files that were being written.

    Others may use the home meanwhile: a folder goes if nobody holds its lock, a file if nobody has
    written to it lately. What cannot be removed stays for the next time.

    Parameters
    ----------
    turn
        Gives the right to make and to lock folders of runs, among all servers.
    age
        Seconds since a file was written, from which on it is given up.
    now
        Seconds since the epoch; the present by default.

    Returns
    -------
    How many were removed.
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
    """Remove a folder as far as that is allowed; of a link the link alone."""
    with suppress(OSError):
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _files(home: Path) -> Iterator[Path]:
    for pattern in _PARTS:
        yield from home.glob(pattern)
    # A name that an upload had taken, before its content came under it.
    for pattern in ("uploads/[!.]*", "uploads/*/[!.]*"):
        for file in home.glob(pattern):
            with suppress(OSError):
                if file.is_file() and file.stat().st_size == 0:
                    yield file


def _abandoned(folder: Path) -> bool:
    """Whether nobody is making this run: who does holds its lock from the first moment on."""
    with suppress(OSError):
        lock = claim(folder)
        if lock is not None:
            lock.release()
            return True
    return False
