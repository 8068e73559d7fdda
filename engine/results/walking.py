"""Read all of a saved fit, in a process that may crash, hang or run out of memory over it.

A script that needs h5py alone: for each line of its input, a path and whether the counts are
wanted, it writes a line when it begins and one with what is wrong, empty if nothing is.
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

# Held at once: what is read is read in pieces.
PIECE_BYTES = 2**24
# Beyond what this process takes itself.
ROOM = 700 * 2**20
IDLE_SECONDS = 60
# Text may be kept once and claimed any number of times.
TEXT_PER_BYTE, TEXT_FREE = 60, 200_000_000
DEEPEST = 30


class Walk:
    """One walk through a file.

    Parameters
    ----------
    size
        Of the file, bytes: there is not much more text in it.
    """

    def __init__(self, size: int) -> None:
        self._left = TEXT_PER_BYTE * size + TEXT_FREE
        self._seen: set[int] = set()

    def touch(self, group: h5py.Group, depth: int = 0) -> None:
        """Read the attributes of everything in a group, once, however it is linked."""
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            place = h5py.h5o.get_info(item.id).addr
            if place in self._seen:
                continue
            self._seen.add(place)
            dict(item.attrs)
            if isinstance(item, h5py.Group):
                # The library's own walk takes minutes where thousands are in one another.
                if depth >= DEEPEST:
                    raise ValueError(f"more than {DEEPEST} groups in one another")
                self.touch(item, depth + 1)

    def read(self, _name: str, item: h5py.Group | h5py.Dataset) -> None:
        """Read an array, piece by piece."""
        if not isinstance(item, h5py.Dataset) or not item.size:
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


def walk(path: str, parts: list[str]) -> None:
    """Read the attributes of everything, and the arrays below some of the parts."""
    own = Walk(Path(path).stat().st_size)
    with h5py.File(path, "r") as file:
        dict(file.attrs)
        own.touch(file)
        for part in parts:
            # What is a link may lead to another file.
            if not isinstance(file.get(part, getlink=True), h5py.HardLink):
                continue
            item = file[part]
            own.read(part, item)
            if isinstance(item, h5py.Group):
                item.visititems(own.read)


def main() -> None:
    """Serve until the input ends, or nothing is asked for a while."""
    with suppress(OSError, ValueError):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        signal.alarm(IDLE_SECONDS)
        line = sys.stdin.readline()
        if not line:
            return
        asked = json.loads(line)
        # No Python runs while the library hangs: the signal itself must end the process.
        signal.alarm(asked["seconds"])
        print("begun", flush=True)
        try:
            walk(asked["path"], asked["parts"])
            said = ""
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps(" ".join(said.split())[:300]), flush=True)


if __name__ == "__main__":
    main()
