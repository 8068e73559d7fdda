"""The file beside a run that keeps what its checks found, one summary for each mode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from engine.jobs.store import write_json

FILE = "check.json"
_WHOLE = "all cells"


def keep(folder: Path, mode: str, summary: Mapping[str, Any]) -> None:
    """Keep the summary of a check, in place of that of an earlier one of its mode.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_json(folder / FILE, _read(folder) | {mode: dict(summary)})


def latest(folder: Path, passes: int, mode: str | None = None) -> dict[str, Any] | None:
    """The last summary of a fit that had made so many passes; None without one that can be read."""
    found = by_mode(folder, passes)
    if mode is not None:
        return found.get(mode)
    return max(found.values(), key=lambda one: str(one.get("date", "")), default=None)


def by_mode(folder: Path, passes: int) -> dict[str, dict[str, Any]]:
    """The summaries of a fit that had made so many passes, those that can be read.

    ``misfits`` are the numbers of genes by discrepancy, of all cells.
    """
    found = {}
    for mode, one in _read(folder).items():
        with suppress(ValueError, TypeError, KeyError):
            rows = [row for row in one["misfits"] if row["group"] == _WHOLE]
            counted = {str(row["discrepancy"]): int(row["n_genes"]) for row in rows}
            if one["passes"] == passes:
                found[mode] = one | {"misfits": counted}
    return found


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {str(mode): dict(one) for mode, one in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
