"""Replaces a file as a whole: a reader finds either the old content or the new."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, and rename it to ``path`` at the end.

    If the block or the renaming fails, ``path`` keeps its old content and the temporary file is
    removed. A killed process leaves it behind, under a name that `engine.jobs.leftovers` removes:
    ``.<name>.<random>.part``. The folder must exist.

    Raises
    ------
    OSError
        If the temporary file cannot be renamed.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        # After the renaming it is gone; after a failure, that failure is the error to report.
        with suppress(OSError):
            temporary.unlink()
