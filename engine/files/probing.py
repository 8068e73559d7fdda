"""Let another process read a fit first: a few damaged bytes crash the HDF5 library, or hang it.

No exception handler catches that, and it would take a server with it. A helper is kept for the
next file, as to start one takes longer than to read most fits; what this process wrote itself, and
what was read before and is as it was, is not read again.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.files import walking
from engine.files.elements import BYTES_FREE, BYTES_PER_BYTE
from engine.files.own_files import on_disk

# The time that a file is given: a start, and its bytes as a slow disk gives them.
SECONDS, BYTES_PER_SECOND = 10.0, 20e6
CRASHED, LATE = "it crashes the HDF5 library", "it takes far too long to be read"
_KNOWN = 1024

State = tuple[str, int, int, int, int]
_Key = tuple[State, tuple[str, ...]]
_EVERYTHING: tuple[str, ...] = ()


def probe(path: Path, parts: Sequence[str]) -> None:
    """Raise ValueError if reading these parts of a file fails, crashes, hangs or fills memory.

    Parameters
    ----------
    parts
        Names at the top of the file; of all else the attributes are read.
    """
    state = state_of(path)
    key = state, tuple(parts)
    with _lock:
        problem = _known.get((state, _EVERYTHING), _known.get(key))
    if problem is None:
        problem = _asked(path, list(parts), state[2])
        # What ends the process is not tried again for another part.
        _keep((state, _EVERYTHING) if problem in (CRASHED, LATE) else key, problem)
    if problem:
        raise ValueError(problem)


def trust(path: Path) -> None:
    """Note that a file is sound in its present state, because this process wrote it."""
    with suppress(OSError):
        _keep((state_of(path), _EVERYTHING), "")


def state_of(path: Path) -> State:
    """State of a file, which changes with it; the third entry is its bytes on the disk."""
    state = path.stat()
    return str(path.resolve()), state.st_mtime_ns, on_disk(state), state.st_ino, state.st_size


def _keep(key: _Key, problem: str) -> None:
    with _lock:
        _known[key] = problem
        while len(_known) > _KNOWN:
            _known.popitem(last=False)


class _Helper:
    """A process that reads files, one after another."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-I", walking.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, asked: dict[str, object]) -> str | None:
        """What is wrong with a file; None if the other process had ended before it began."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
        except OSError:
            return None
        if not self._process.stdout.readline():
            return None
        said = self._process.stdout.readline()
        return json.loads(said) if said else self._how()

    def _how(self) -> str:
        late = self._process.wait() == -signal.SIGALRM
        return LATE if late else CRASHED

    def end(self) -> None:
        """End the process, whatever it does."""
        # What was written to it and not taken cannot be, and closing says so.
        with suppress(OSError), self._process:
            self._process.kill()


_lock = threading.Lock()
_known: OrderedDict[_Key, str] = OrderedDict()
_idle: list[_Helper] = []


@atexit.register
def _end() -> None:
    """End the helpers with this process, rather than when they notice."""
    for helper in _idle:
        if helper.owner == os.getpid():
            helper.end()
    _idle.clear()


def _asked(path: Path, parts: list[str], size: int) -> str:
    asked: dict[str, object] = {"path": str(path.resolve()), "parts": parts}
    asked["most"] = BYTES_PER_BYTE * size + BYTES_FREE
    asked["seconds"] = int(SECONDS + size / BYTES_PER_SECOND) + 1
    while True:
        with _lock:
            helper = _idle.pop() if _idle else None
        # What another process started before it was forked is not ours to talk to.
        if helper is not None and helper.owner != os.getpid():
            continue
        fresh = helper is None
        helper = helper or _Helper()
        problem = helper.ask(asked)
        if problem == "":
            with _lock:
                _idle.append(helper)
                spare = _idle[:-1]
                del _idle[:-1]
            for other in spare:
                other.end()
            return ""
        helper.end()
        if problem is not None or fresh:
            return problem or "the process that reads files first does not start"
