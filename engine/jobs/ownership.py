"""The owner of a run, as its file names it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.files.own_files import read_json

# Owner of a run whose file is damaged: nobody has this name.
UNKNOWN_OWNER = "\0"


def owner_of(run: Mapping[str, Any]) -> str:
    """The owner in the file of a run; empty in files from before there were owners."""
    owner = run.get("owner", "")
    return owner if isinstance(owner, str) else UNKNOWN_OWNER


def owner_in(path: Path) -> str:
    """The owner of a damaged run; if it cannot be read, a name that nobody has."""
    try:
        run = read_json(path)
    except (OSError, ValueError):
        return UNKNOWN_OWNER
    return owner_of(run) if isinstance(run, dict) and run else UNKNOWN_OWNER
