"""What a source is made of on disk: when it changes, and how large it is."""

from __future__ import annotations

import itertools
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine.data import DEMO

# A folder of more is hardly one source, but perhaps a whole disk.
MOST_FILES = 100_000
_MATRIX = (".mtx", ".mtx.gz")


def state(source: str) -> list[Any]:
    """What changes when a source does: names, sizes and times of its files."""
    if source == DEMO:
        return [DEMO, version("scanpy")]
    try:
        files = _files(source)
        if len(files) > MOST_FILES:
            return [source, time.time_ns()]
        facts = [(str(path), path.stat()) for path in sorted(files)]
    except (OSError, ValueError, RuntimeError):
        return [source]
    return [source, *([name, stat.st_size, stat.st_mtime_ns] for name, stat in facts)]


def size(source: str) -> int:
    """Bytes of all its files; 0 if there are none."""
    try:
        return sum(path.stat().st_size for path in _files(source))
    except (OSError, ValueError, RuntimeError):
        return 0


def _files(source: str) -> list[Path]:
    path = Path(source).resolve()
    if path.is_dir():
        parts = path.rglob("*")
    elif path.name.lower().endswith(_MATRIX):
        # The names of its genes and cells lie beside it.
        parts = path.parent.iterdir()
    else:
        return [path]
    return [part for part in itertools.islice(parts, MOST_FILES + 1) if part.is_file()]
