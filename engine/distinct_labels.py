"""Shortens names so that different names stay different."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def apart(names: Sequence[str], label: Callable[[str, float], str], size: float) -> list[str]:
    """Shortened names; different names stay different.

    Parameters
    ----------
    label
        Returns the label of a name in a size; for an infinite size, the longest label.
    size
        First size; it grows for names whose labels are alike.
    """
    sizes = dict.fromkeys(names, float(size))
    written = {name: label(name, size) for name in sizes}
    while True:
        owners: dict[str, list[str]] = {}
        for name, words in written.items():
            owners.setdefault(words, []).append(name)
        alike = [name for same in owners.values() if len(same) > 1 for name in same]
        # A label that is already whole cannot grow; the one like it can.
        growing = [name for name in alike if written[name] != label(name, math.inf)]
        if not growing:
            return [written[name] for name in names]
        for name in growing:
            sizes[name] += max(2.0, sizes[name] // 4)
            written[name] = label(name, sizes[name])
