"""What a person calls the factors or topics of a run, kept beside its fit.

Names are by position, and a fit that goes on may change the order: the names say of which fit of
the run they are, and go on with it by `carried`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.files.own_files import read_json
from engine.jobs.status import JobError
from engine.jobs.store import write_json
from engine.results import AnyFit

FILE = "names.json"

# Least cosine: more than half of the one lies along the other, and along no other that is
# orthogonal to that.
_ALIKE = 0.5**0.5


def write(run: Path, names: Sequence[str], passes: int) -> None:
    """Keep the names, in order, in the folder of a run; the last to be written count.

    Parameters
    ----------
    passes
        Of the fit that they are of.

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
    """The names kept of the fit of so many passes; none if there are none, or none readable."""
    try:
        kept = read_json(run / FILE)
        names = tuple(str(name) for name in kept["names"])
        return names if kept.get("passes", passes) == passes else ()
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def carried(before: AnyFit, after: AnyFit) -> tuple[str, ...]:
    """The names of a fit, for the factors or topics that it has after going on.

    They are paired by their loadings (`engine.summaries.matched`). Where the partner is another
    by now, the name is lost: none is better than a wrong one.
    """
    from engine.summaries import loading_cosines, matched

    names, default = after.default_names, before.default_names
    pairs = matched(loading_cosines(before, after))
    alike = np.abs(pairs["similarity"].to_numpy()) > _ALIKE
    for name, place, same in zip(before.factor_names, pairs["place"], alike, strict=True):
        # One topic alone has nothing to be told from.
        if name not in default and (same or len(names) == 1):
            names[place] = name
    return tuple(names)
