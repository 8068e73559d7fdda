"""Let another process read an HDF5 file first: a few damaged bytes crash the library, or hang it.

No exception handler catches that, and it would take a server with it. A helper is kept for the
next file, because to start one takes longer than to read most files. Files that this process
wrote, or that were read before and have not changed, are not read again.
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

# The time limit of a fit: that of a start, and of its bytes at the rate of a slow disk.
SECONDS, BYTES_PER_SECOND = 10.0, 20e6
CRASHED, LATE = "it crashes the HDF5 library", "it takes far too long to be read"
_KNOWN = 1024

State = tuple[str, int, int, int, int]
_Key = tuple[State, tuple[str, ...] | None]
_EVERYTHING: tuple[str, ...] = ()


def probe(path: Path, parts: Sequence[str] | None, seconds: float | None = None) -> None:
    """Raise ValueError if reading these parts of a file fails, crashes, hangs or fills memory.

    Parameters
    ----------
    parts
        Names at the top of the file of a fit; of the rest only the attributes are read. None for
        a file of counts, whose matrices are only touched; what these take of memory is not limited.
    seconds
        Time limit; by default that of a fit of its size.
    """
    state = state_of(path)
    key = state, None if parts is None else tuple(parts)
    with _lock:
        problem = _known.get((state, _EVERYTHING), _known.get(key))
    if problem is None:
        seconds = seconds or int(SECONDS + state[2] / BYTES_PER_SECOND) + 1
        problem = _find_problem(path, parts, state[2], seconds)
        # A file that ended the process is not tried again for other parts.
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

    def ask(self, request: dict[str, object]) -> str | None:
        """The problem of a file, "" if none; None if the process had ended before it began."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            return None
        if not self._process.stdout.readline():
            return None
        answer = self._process.stdout.readline()
        return json.loads(answer) if answer else self._ending()

    def _ending(self) -> str:
        late = self._process.wait() == -signal.SIGALRM
        return LATE if late else CRASHED

    def end(self) -> None:
        """End the process, whatever it does."""
        # Closing fails if the process has not read all that was written to it.
        with suppress(OSError), self._process:
            self._process.kill()


_lock = threading.Lock()
_known: OrderedDict[_Key, str] = OrderedDict()
_idle: list[_Helper] = []


@atexit.register
def _end() -> None:
    """End the helpers together with this process."""
    for helper in _idle:
        if helper.owner == os.getpid():
            helper.end()
    _idle.clear()


def _find_problem(path: Path, parts: Sequence[str] | None, size: int, seconds: float) -> str:
    request: dict[str, object] = {"path": str(path.resolve()), "parts": parts}
    request["most"] = BYTES_PER_BYTE * size + BYTES_FREE
    request["seconds"] = seconds
    while True:
        with _lock:
            helper = _idle.pop() if _idle else None
        # A helper that was started before a fork belongs to the parent process.
        if helper is not None and helper.owner != os.getpid():
            continue
        fresh = helper is None
        helper = helper or _Helper()
        problem = helper.ask(request)
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
