"""What a person calls the factors or topics of a run, kept beside its fit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from engine.jobs.status import JobError
from engine.jobs.store import write_json

FILE = "names.json"


def write(run: Path, names: Sequence[str]) -> None:
    """Keep the names, in order, in the folder of a run; the last to be written count.

    Raises
    ------
    JobError
        If they cannot be written, for example because the run was deleted meanwhile.
    """
    try:
        write_json(run / FILE, {"names": list(names)})
    except OSError as error:
        raise JobError(
            "room to keep the names", str(error.strerror), "Free some space, then name it again."
        ) from error


def read(run: Path) -> tuple[str, ...]:
    """The names that were kept; none if there are none, or they cannot be read."""
    try:
        names = json.loads((run / FILE).read_text(encoding="utf-8"))["names"]
        return tuple(str(name) for name in names)
    except (OSError, ValueError, TypeError, KeyError):
        return ()
