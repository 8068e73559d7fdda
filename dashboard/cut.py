"""Names that fit: cut in the middle, never so that two look alike."""

from __future__ import annotations

from collections.abc import Sequence

from engine.labels import apart

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


def shorten(name: str, longest: float) -> str:
    """A name of at most so many characters."""
    return name if len(name) <= longest else ends(name, int(longest) - 1)


def ends(name: str, kept: int) -> str:
    """So many characters of the beginning and end of a name, an ellipsis between them."""
    tail = kept // 2
    return f"{name[: kept - tail]}…{name[len(name) - tail :]}"
