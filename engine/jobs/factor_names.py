"""User-given names of the factors or topics of a run, saved beside its fit.

Names are stored by position, and the order may change if a fit goes on. So the file says which
fit of the run the names belong to, and `carried` moves them to a later fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.files.own_files import read_json
from engine.jobs.job_status import JobError
from engine.jobs.store import write_json
from engine.results import AnyFit

FILE = "names.json"

# Least cosine: of several orthogonal vectors, at most one has a larger cosine with a given vector.
_ALIKE = 0.5**0.5


def write(run: Path, names: Sequence[str], passes: int) -> None:
    """Save the names, in order, in the folder of a run, in place of older ones.

    Parameters
    ----------
    passes
        Passes of the fit that has these names.

    Raises
    ------
    JobError
        If they cannot be written, for example because the run was deleted meanwhile.
    """
    try:
        write_json(run / FILE, {"names": list(names), "passes": passes})
    except OSError as error:
        raise JobError(
            "room to keep the names", str(error.strerror), "Free some space, then name it again."
        ) from error


def read(run: Path, passes: int) -> tuple[str, ...]:
    """The names saved for the fit with that number of passes; empty if none can be read."""
    try:
        saved = read_json(run / FILE)
        names = tuple(str(name) for name in saved["names"])
        return names if saved.get("passes", passes) == passes else ()
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def carried(before: AnyFit, after: AnyFit) -> tuple[str, ...]:
    """Carry the names of a fit over to the factors or topics of a later fit of the run.

    They are paired by their loadings (`engine.summaries.matched`). A name whose factor or
    topic has changed is dropped, because a wrong name is worse than none.
    """
    from engine.summaries import loading_cosines, matched

    names, default = after.default_names, before.default_names
    pairs = matched(loading_cosines(before, after))
    alike = np.abs(pairs["similarity"].to_numpy()) > _ALIKE
    for name, place, same in zip(before.factor_names, pairs["place"], alike, strict=True):
        # A single topic cannot be mistaken for another.
        if name not in default and (same or len(names) == 1):
            names[place] = name
    return tuple(names)
