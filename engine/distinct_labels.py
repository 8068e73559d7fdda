"""Labels of different names are different, however long the names are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence


def apart(names: Sequence[str], label: Callable[[str, float], str], size: float) -> list[str]:
    """Shortened names; different names stay different.

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
