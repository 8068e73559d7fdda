"""Audit log of a server: who did what, one line of JSON for each action, in LOGRATIO_HOME."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

FILE = "audit.jsonl"

_log = logging.getLogger(__name__)


def record(home: Path, who: str, did: str, what: str) -> None:
    """Add a line; if that fails, the error goes to the log of the server only."""
    when = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"when": when, "who": who, "did": did, "what": what})
    try:
        # One append of a whole line: lines of several servers do not mix.
        file = os.open(home / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{line}\n".encode())
        finally:
            os.close(file)
    except OSError as error:
        _log.error("The audit log cannot be written (%s): %s", error.strerror, line)
