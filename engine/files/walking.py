"""Read all of a saved fit, in a process that may crash, hang or run out of memory over it.

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
# Memory for reading, beyond that of the process itself.
ROOM = 700 * 2**20
IDLE_SECONDS = 60
DEEPEST = 30


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


def main() -> None:
    """Serve until the input ends, or until no request has come for a while."""
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        signal.alarm(IDLE_SECONDS)
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        # No Python runs while the library hangs: the signal itself must end the process.
        signal.alarm(request["seconds"])
        print("begun", flush=True)
        try:
            walk(request["path"], request["parts"], request["most"])
            problem = ""
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        print(json.dumps(" ".join(problem.split())[:300]), flush=True)


if __name__ == "__main__":
    main()
