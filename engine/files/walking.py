"""Read a saved fit, or a file of counts, in a process that may crash or hang over it.

A script that needs h5py alone. For each line of its input, a request, it writes a line when it
begins and one with the problem, empty if there is none.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

# Arrays are read in pieces of at most this size.
PIECE_BYTES = 2**24
# Memory for reading a fit, beyond that of the process itself.
ROOM = 700 * 2**20
IDLE_SECONDS = 60
DEEPEST = 30
# What reading counts will touch, and the tables of it that are read as a whole.
WHOLE = ("obs", "var", "X", "layers", "raw", "mod")
LABELS = ("obs", "var", "raw/var", "row_attrs", "col_attrs")
# Tables that claim more are not read here; the reader refuses them by their claimed size.
MOST_LABELS = 2**30


class Walk:
    """One walk through a file.

    Parameters
    ----------
    most
        Limit of bytes of text in all: text may be stored once and referred to many times.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._visited: set[int] = set()

    def touch(self, group: h5py.Group, depth: int = 0) -> None:
        """Read the attributes of all members of a group, of each only once."""
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in self._visited:
                continue
            self._visited.add(address)
            dict(item.attrs)
            if isinstance(item, h5py.Group):
                # The library's own walk takes minutes where thousands of groups are nested.
                if depth >= DEEPEST:
                    raise ValueError(f"more than {DEEPEST} groups in one another")
                self.touch(item, depth + 1)

    def read(self, item: h5py.Dataset) -> None:
        """Read an array, piece by piece."""
        if not item.size:
            return
        if item.external or item.is_virtual:
            raise ValueError(f"{item.name} pointing elsewhere")
        width = max(int(item.size // item.shape[0]), 1) if item.shape else 1
        row = width * max(item.dtype.itemsize, 1)
        if row > 64 * PIECE_BYTES:
            raise ValueError(f"{row:,} bytes in a row of {item.name}")
        rows = max(1, PIECE_BYTES // row)
        for start in range(0, item.shape[0] if item.shape else 1, rows):
            piece = item[start : start + rows] if item.shape else item[()]
            if item.dtype.kind == "O":
                self._left -= sum(_length(one) for one in np.ravel(np.asarray(piece, object)))
                if self._left < 0:
                    raise ValueError("more text than the file can hold")


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes) else int(getattr(value, "nbytes", 64))


def _bytes_used() -> int:
    """Address space of this process; 0 where the system does not tell."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0


def walk(path: str, parts: list[str], most: int) -> None:
    """Read the attributes of everything, and the arrays below some of the parts.

    Arrays that claim more bytes than ``most`` are not read: they are refused later.
    """
    own = Walk(most)
    with h5py.File(path, "r") as file:
        dict(file.attrs)
        own.touch(file)
        # A link may lead to another file.
        real = [p for p in parts if isinstance(file.get(p, getlink=True), h5py.HardLink)]
        items: list[h5py.Dataset] = []
        for item in (file[part] for part in real):
            if isinstance(item, h5py.Group):
                item.visititems(lambda _name, below: items.append(below))
            items.append(item)
        arrays = [item for item in items if isinstance(item, h5py.Dataset)]
        if sum(item.nbytes for item in arrays) <= most:
            for item in arrays:
                own.read(item)


def walk_counts(path: str) -> None:
    """Touch everything that reading counts will touch: labels as a whole, of the rest the ends."""
    with h5py.File(path, "r", locking="best-effort") as file:
        dict(file.attrs)
        for name in [part for part in WHOLE if part in file] or list(file):
            _touch(name, file[name])
            if isinstance(file[name], h5py.Group):
                file[name].visititems(_touch)
        roots = [file, *(file["mod"].values() if "mod" in file else ())]
        labels = [root[name] for root in roots for name in LABELS if name in root]
        tables = [table for table in labels if isinstance(table, h5py.Group)]
        claims: list[int] = []
        for table in tables:
            table.visititems(lambda _name, item: claims.append(getattr(item, "nbytes", 0)))
        if sum(claims) < MOST_LABELS:
            for table in tables:
                table.visititems(_read)


def _touch(name: str, item: h5py.Group | h5py.Dataset) -> None:
    dict(item.attrs)
    if isinstance(item, h5py.Dataset) and item.size and item.shape and item.dtype.itemsize < 2**20:
        item[(0,) * item.ndim]
        item[tuple(length - 1 for length in item.shape)]


def _read(name: str, item: h5py.Group | h5py.Dataset) -> None:
    if isinstance(item, h5py.Dataset) and item.size:
        item[()]


def main() -> None:
    """Serve until the input ends, or until no request has come for a while."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = _bytes_used()
    while True:
        signal.alarm(IDLE_SECONDS)
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        counts = request["parts"] is None
        if used:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_AS, (hard if counts else used + ROOM, hard))
        print("begun", flush=True)
        # No Python runs while the library hangs: the signal itself must end the process.
        signal.setitimer(signal.ITIMER_REAL, request["seconds"])
        try:
            if counts:
                walk_counts(request["path"])
            else:
                walk(request["path"], request["parts"], request["most"])
            problem = ""
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        print(json.dumps(" ".join(problem.split())[:300]), flush=True)


if __name__ == "__main__":
    main()
