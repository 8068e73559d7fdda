"""A cache of the last files read."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from engine.jobs.store import Signature, signature


class FileCache[T]:
    """The contents of a few files; a file that was replaced is read again.

    Parameters
    ----------
    load
        Reads one file.
    size
        Number of files to keep in memory.
    """

    def __init__(self, load: Callable[[Path], T], size: int) -> None:
        self._load = load
        self._size = size
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Path, Signature], Future[T]] = OrderedDict()

    def add(self, path: Path, value: T) -> None:
        """Add the content that was just written to ``path``."""
        future: Future[T] = Future()
        future.set_result(value)
        with self._lock:
            self._put((path, signature(path)), future)

    def read(self, path: Path) -> T | None:
        """The content of a file; None if the file is gone. Raises what ``load`` raises."""
        try:
            key = path, signature(path)
        except FileNotFoundError:
            return None
        with self._lock:
            future = self._known.get(key)
            if future is not None:
                self._known.move_to_end(key)
            else:
                mine: Future[T] = Future()
                self._put(key, mine)
        if future is not None:
            # A second request for a file that is being read waits for the first.
            return future.result()
        # Outside the lock: a large file must not hold up other sessions.
        try:
            mine.set_result(self._load(path))
        except BaseException as error:
            with self._lock:
                self._known.pop(key, None)
            mine.set_exception(error)
        return mine.result()

    def _put(self, key: tuple[Path, Signature], value: Future[T]) -> None:
        self._known[key] = value
        while len(self._known) > self._size:
            self._known.popitem(last=False)
