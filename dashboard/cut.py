"""Names that fit: cut in the middle, never so that two look alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

LONGEST = 24
# Of a chip, which has a line of its own.
CHIP = 40
SHORTEST = 3


def cut(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Names of at most ``longest`` characters, or as many more as tell different names apart.

    Parameters
    ----------
    names
        All that are shown beside one another, in any order.
    """
    return apart(names, shorten, max(longest, SHORTEST))


def apart(names: Sequence[str], label: Callable[[str, float], str], size: float) -> list[str]:
    """What is written for names: different for different ones.

    Parameters
    ----------
    label
        Of a name and a size; of an infinite one, all that can be written.
    size
        What to begin with: it grows for names whose labels are alike.
    """
    sizes = dict.fromkeys(names, float(size))
    written = {name: label(name, size) for name in sizes}
    while True:
        owners: dict[str, list[str]] = {}
        for name, words in written.items():
            owners.setdefault(words, []).append(name)
        alike = [name for same in owners.values() if len(same) > 1 for name in same]
        # Of one that is already whole, the other has to grow.
        growing = [name for name in alike if written[name] != label(name, math.inf)]
        if not growing:
            return [written[name] for name in names]
        for name in growing:
            sizes[name] += max(2.0, sizes[name] // 4)
            written[name] = label(name, sizes[name])


def shorten(name: str, longest: float) -> str:
    """A name of at most so many characters."""
    return name if len(name) <= longest else ends(name, int(longest) - 1)


def ends(name: str, kept: int) -> str:
    """So many characters of the beginning and end of a name, an ellipsis between them."""
    tail = kept // 2
    return f"{name[: kept - tail]}…{name[len(name) - tail :]}"
