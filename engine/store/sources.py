"""Files of a source: their state, which changes with them, and their size."""

from __future__ import annotations

import itertools
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.data import DEMO
from engine.files.own_files import on_disk

# A folder of more is hardly one source, but perhaps a whole disk.
MOST_FILES = 100_000
# It comes with scanpy, whose libraries take more than its counts.
DEMO_BYTES = 100_000_000
_MATRIX = (".mtx", ".mtx.gz")


def state(source: str) -> tuple[Any, ...] | None:
    """State of a source, which changes with it: names, sizes and times of its files.

    None if it cannot be determined: a file cannot be read, a folder is a link, or there are too
    many files.
    """
    if source == DEMO:
        return DEMO, version("scanpy")
    try:
        files, complete = _files(source)
        facts = [(str(path), path.stat()) for path in sorted(files)]
    except (OSError, ValueError, RuntimeError):
        return None
    if not complete:
        return None
    # Copying may set the modification time to that of another file, but not the change time.
    times = ((name, at.st_size, at.st_mtime_ns, at.st_ctime_ns) for name, at in facts)
    return source, *times


def size(source: str) -> int:
    """Bytes that its files, or many of them, take on the disk; 0 if there are none."""
    if source == DEMO:
        return DEMO_BYTES
    try:
        return sum(on_disk(path.stat()) for path in _files(source)[0])
    except (OSError, ValueError, RuntimeError):
        return 0


def _files(source: str) -> tuple[list[Path], bool]:
    """The files of a source, and whether these are all."""
    path = Path(source).resolve()
    if path.is_dir():
        inside = path.rglob("*")
    elif path.name.lower().endswith(_MATRIX):
        # The names of its genes and cells lie beside it.
        inside = path.parent.iterdir()
    else:
        return [path], True
    parts = list(itertools.islice(inside, MOST_FILES + 1))
    # Files below a folder that is a link are not among them.
    linked = path.is_dir() and any(part.is_symlink() and part.is_dir() for part in parts)
    return [part for part in parts if part.is_file()], len(parts) <= MOST_FILES and not linked
