"""The file of check summaries beside a fit: one summary for each mode."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from engine.files.own_files import read_json
from engine.jobs.store import is_run, write_json
from engine.results import AnyFit

FILE = "check.json"
_WHOLE = "all cells"


def name_of(fit: Path) -> str:
    """Name of the file beside a saved fit; a folder may hold one run, or any number of fits."""
    return FILE if is_run(fit.parent.resolve()) else f"{fit.name}.{FILE}"


def digest(fit: AnyFit) -> str:
    """Digest of what a fit learned; names of files and of factors do not enter."""
    hashed = hashlib.blake2b(digest_size=16)
    for array in fit.learned():
        hashed.update(np.ascontiguousarray(array, "<f8"))
    return hashed.hexdigest()


def keep(folder: Path, mode: str, summary: Mapping[str, Any], file: str = FILE) -> None:
    """Save the summary of a check, in place of an older one of the same mode.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_json(folder / file, _read(folder / file) | {mode: dict(summary)})


def latest(
    folder: Path,
    passes: int,
    mode: str | None = None,
    *,
    file: str = FILE,
    fit: str | None = None,
) -> dict[str, Any] | None:
    """The newest summary of `by_mode`, or that of one mode; None if none can be read."""
    summaries = by_mode(folder, passes, file=file, fit=fit)
    if mode is not None:
        return summaries.get(mode)
    return max(summaries.values(), key=lambda one: str(one.get("date", "")), default=None)


def by_mode(
    folder: Path, passes: int, *, file: str = FILE, fit: str | None = None
) -> dict[str, dict[str, Any]]:
    """The readable summaries of a fit after that number of passes, by mode.

    ``misfits`` are the numbers of genes by discrepancy, of all cells.

    Parameters
    ----------
    fit
        Its `digest`, where another fit may have been saved under the same name.
    """
    summaries = {}
    for mode, one in _read(folder / file).items():
        with suppress(ValueError, TypeError, KeyError):
            rows = [row for row in one["misfits"] if row["group"] == _WHOLE]
            counted = {str(row["discrepancy"]): int(row["n_genes"]) for row in rows}
            if not _sound(one):
                continue
            # Older summaries, which only runs have, do not name their fit.
            if one["passes"] == passes and (fit is None or one.get("fit", fit) == fit):
                summaries[mode] = one | {"misfits": counted}
    return summaries


def _sound(one: Mapping[str, Any]) -> bool:
    """Whether the values that the page shows have the types that a check writes."""
    lines = (one.get("findings", []), one.get("notes", []))
    return (
        all(isinstance(part, list) and all(isinstance(n, str) for n in part) for part in lines)
        and isinstance(one.get("n_draws", 0), int)
        and isinstance(one.get("laplace"), str | None)
    )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = read_json(path)
        return {str(mode): dict(one) for mode, one in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
