"""The process that reads: ``python -m engine.store.worker``, which `process` starts.

It imports what reading needs, and makes a copy of itself (fork) for each source. A copy has limits
of its own and ends with its parent, whatever a file makes it do; it writes the counts into a
folder, and nothing else of it reaches the server. A line of JSON on the input starts or stops a
copy; lines on the output report the progress and the end of each.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import sys
import time
from pathlib import Path
from typing import Any

from engine.data import ChoiceNeeded, DataRequest, inspect_source, probe
from engine.data.reader_errors import reading, shorten
from engine.data.reading_progress import listening
from engine.errors import EngineError, NoRoom
from engine.store import layout

OUTCOME = "outcome.json"
TELL_SECONDS = 0.1
_PARENT_ENDED = 1  # PR_SET_PDEATHSIG of Linux's prctl


def main() -> None:
    """Serve until the input ends, as it does when the server ends in any way."""
    output = _own_output()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(0, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    waiting = selectors.DefaultSelector()
    waiting.register(0, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    copies = Copies(output)
    line = b""
    while True:
        for key, _ in waiting.select():
            content = os.read(int(key.fd), 2**16)
            if key.fd == woken:
                copies.reap()
                continue
            if not content:
                copies.end()
                return
            *lines, line = (line + content).split(b"\n")
            for text in lines:
                copies.do(json.loads(text))


class Copies:
    """The copies of this process that read, with the numbers of their requests."""

    def __init__(self, output: int) -> None:
        self._output = output
        # Number and start of each, by the id of its process.
        self.running: dict[int, tuple[int, float]] = {}

    def do(self, message: dict[str, Any]) -> None:
        """Start a copy, or stop one."""
        if "stop" in message:
            for copy, (number, _) in self.running.items():
                if number == message["stop"]:
                    os.kill(copy, signal.SIGKILL)
            return
        parent = os.getpid()
        copy = os.fork()
        if copy == 0:
            # The copy must not run what the parent runs at its end.
            try:
                _read(message, parent, self._output)
            finally:
                os._exit(0)
        self.running[copy] = message["number"], time.monotonic()

    def reap(self) -> None:
        """Report the copies that have ended."""
        while self.running:
            copy, status, used = os.wait4(-1, os.WNOHANG)
            if copy == 0:
                return
            number, began = self.running.pop(copy)
            unit = 1 if sys.platform == "darwin" else 1024
            facts = {
                "status": os.waitstatus_to_exitcode(status),
                "peak": used.ru_maxrss * unit,
                "seconds": time.monotonic() - began,
            }
            _send(self._output, {"number": number, "ended": facts})

    def end(self) -> None:
        """Stop all copies."""
        for copy in self.running:
            os.kill(copy, signal.SIGKILL)


def _read(message: dict[str, Any], parent: int, output: int) -> None:
    # Output of libraries is discarded: the outcome has all that matters.
    os.dup2(1, 2)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _confine(message, parent)
    folder = Path(message["folder"])
    try:
        with listening(_make_listener(output, message["number"])), reading("the source"):
            request = DataRequest.from_dict(message["request"])
            # This process may crash.
            with probe.not_needed():
                counts = request.load()
                info = inspect_source(request.source, request.choices)
            _write(counts, info, folder)
        outcome: dict[str, Any] = {}
    except EngineError as error:
        outcome = {"kind": type(error).__name__, "parts": error.__reduce__()[1]}
        if isinstance(error, ChoiceNeeded) and error.offer is not None:
            offer = error.offer
            outcome["offer"] = [offer.name, list(offer.options), offer.chosen]
    (folder / OUTCOME).write_text(json.dumps(outcome), encoding="utf-8")


def _write(counts: Any, info: Any, folder: Path) -> None:
    try:
        layout.write(counts, info, folder)
    except OSError as error:
        raise no_room(shorten(error.strerror or error)) from error


def no_room(reason: str) -> NoRoom:
    """The error for counts that cannot be written to the disk."""
    return NoRoom(
        "room to keep the counts on the server's disk",
        reason,
        "Free some space; LOGRATIO_HOME says where it is needed.",
    )


def _confine(message: dict[str, Any], parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_ENDED, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    own = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, processor_limits(message["processor"], own))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        # If memory runs out all the same, the system ends this process before the server.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
        most = pages * resource.getpagesize() + int(message["memory"])
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def processor_limits(limit: float, own: int) -> tuple[int, int]:
    """Whole seconds until a warning and the end; neither exceeds ``own``, that of the system."""
    seconds = max(1, int(limit))
    end = seconds + 1 if own == resource.RLIM_INFINITY else min(seconds + 1, own)
    return min(seconds, end), end


def _make_listener(output: int, number: int) -> Any:
    sent = 0.0

    def listener(words: str, share: float) -> None:
        nonlocal sent
        now = time.monotonic()
        if now - sent > TELL_SECONDS:
            sent = now
            _send(output, {"number": number, "words": words, "share": round(share, 3)})

    return listener


def _send(output: int, message: dict[str, Any]) -> None:
    # A line is so short that it is written as a whole, between those of other copies.
    os.write(output, json.dumps(message).encode() + b"\n")


def _own_output() -> int:
    """A duplicate of the output, because libraries may print to the original."""
    output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return output


if __name__ == "__main__":
    main()
