"""The fits looked at last, so that they are not read from disk again and again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from engine.jobs.store import Signature, signature
from engine.results import Fit, load


class KeptFits:
    """A few fits by file; a file that was replaced is read again.

    Parameters
    ----------
    size
        How many are kept in memory.
    """

    def __init__(self, size: int = 4) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._fits: OrderedDict[tuple[Path, Signature], Fit] = OrderedDict()

    def add(self, path: Path, fit: Fit) -> None:
        """Keep a fit that was just written to ``path``."""
        self._put((path, signature(path)), fit)

    def read(self, path: Path) -> Fit | None:
        """The fit in a file; None if the file is gone.

        Raises
        ------
        FitError
            If it is damaged.
        """
        try:
            key = path, signature(path)
        except FileNotFoundError:
            return None
        with self._lock:
            if key in self._fits:
                self._fits.move_to_end(key)
                return self._fits[key]
        # Outside the lock: a large file must not hold up other sessions.
        fit = load(path)
        self._put(key, fit)
        return fit

    def _put(self, key: tuple[Path, Signature], fit: Fit) -> None:
        with self._lock:
            self._fits[key] = fit
            while len(self._fits) > self._size:
                self._fits.popitem(last=False)
