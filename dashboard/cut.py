"""Shorten long names in the middle, so that different names stay different."""

from __future__ import annotations

from collections.abc import Sequence

from engine.distinct_labels import apart

LONGEST = 24
# Longest name in a chip, which has a line of its own.
CHIP = 40
SHORTEST = 3


def cut(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Cut names to ``longest`` characters; to more if different names would look alike.

    Parameters
    ----------
    names
        All names that are shown together, in any order.
    """
    return apart(names, shorten, max(longest, SHORTEST))


def shorten(name: str, longest: float) -> str:
    """A name cut to a number of characters."""
    return name if len(name) <= longest else ends(name, int(longest) - 1)


def ends(name: str, length: int) -> str:
    """The beginning and the end of a name, ``length`` characters of it, around an ellipsis."""
    tail = length // 2
    return f"{name[: length - tail]}…{name[len(name) - tail :]}"
