"""ReaderProcess: starts the process that reads (`worker`) and exchanges messages with it."""

from __future__ import annotations

import atexit
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine
from engine.data import ChoiceNeeded, DataRequest, Offer
from engine.data.reader_errors import shorten
from engine.data.reading_progress import Listener
from engine.errors import ConfigError, DataError, EngineError, NoRoom
from engine.store import sources
from engine.store.limits import Limits
from engine.store.worker import OUTCOME, no_room

# Called with the current step and the share that is done; an error of it ends the reading.
POLL_SECONDS = 0.1
_ROOT = Path(engine.__file__).resolve().parents[1]
# One thread each: several may read at once, beside a fit. Arenas count towards a memory limit.
_ENVIRONMENT = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLOSC_NTHREADS"), "1")
_ENVIRONMENT["MALLOC_ARENA_MAX"] = "2"
_KINDS = (DataError, NoRoom, ConfigError, ChoiceNeeded, EngineError)
_ERRORS = {kind.__name__: kind for kind in _KINDS}
_REMEDY = "Check that the file was copied completely and opens in scanpy."


@dataclass
class Usage:
    """How a reading ended: exit code or minus a signal, peak of memory in bytes, seconds."""

    status: int
    peak: int
    seconds: float


@dataclass
class _Reading:
    process: subprocess.Popen[bytes]
    news: threading.Event = field(default_factory=threading.Event)
    words: str = "opening"
    share: float = 0.0
    usage: Usage | None = None
    lost: bool = False


class ReaderProcess:
    """A process that reads sources, several at once, each in a copy of itself with limits.

    It starts with the first request, or by `start`, and again should it end; it ends with this
    process, or by `close`.

    Parameters
    ----------
    program
        Module whose ``main`` the process runs.
    """

    def __init__(self, program: str = "engine.store.worker") -> None:
        self._program = program
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._readings: dict[int, _Reading] = {}
        atexit.register(self.close)

    def start(self) -> None:
        """Start the process in advance: its imports take seconds."""
        with self._lock:
            self._ready()

    def close(self) -> None:
        """End the process and its readings."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            # `_listen` notices, and closes its pipes.
            process.kill()

    def read(
        self,
        request: DataRequest,
        folder: Path,
        on_progress: Listener = lambda _words, _share: None,
        limits: Limits | None = None,
    ) -> Usage:
        """Let the process read a source and write it to an empty folder.

        Parameters
        ----------
        on_progress
            Called every tenth of a second with the step and the share that is done; an error
            of it ends the reading.
        limits
            By default in proportion to the source.

        Raises
        ------
        EngineError
            The error of reading, or one that says that it crashed or exceeded a limit.
        """
        limits = limits or Limits.of(sources.size(request.source))
        number, reading = self._begin(make_message(request, folder, limits))
        deadline = time.monotonic() + limits.wall
        try:
            while reading.usage is None and not reading.lost:
                if time.monotonic() > deadline:
                    raise _refused(request, f"still being read after {limits.wall:,.0f} s")
                reading.news.wait(POLL_SECONDS)
                reading.news.clear()
                on_progress(reading.words, reading.share)
        except BaseException:
            self._send({"stop": number})
            raise
        finally:
            with self._lock:
                self._readings.pop(number, None)
        if reading.usage is None:
            raise _refused(request, "the process that reads it has ended")
        check(request, folder, reading.usage, limits)
        return reading.usage

    def _begin(self, message: dict[str, Any]) -> tuple[int, _Reading]:
        number = next(self._numbers)
        with self._lock:
            reading = self._readings[number] = _Reading(self._ready())
        self._send({"number": number, **message})
        return number, reading

    def _send(self, message: dict[str, Any]) -> None:
        with self._lock:
            process = self._process
        if process is None or process.stdin is None:
            return
        # Not under the other lock, which `_receive` needs meanwhile.
        with self._writing:
            try:
                process.stdin.write(json.dumps(message).encode() + b"\n")
                process.stdin.flush()
            except (OSError, ValueError):
                # The process has ended; `_listen` wakes those who wait.
                return

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._process = process = subprocess.Popen(
            [sys.executable, "-c", f"from {self._program} import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env=os.environ | _ENVIRONMENT,
            # An interrupt at the terminal is for the server, which ends this process.
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(process,), name="reader", daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        # Closing what nobody reads any more may fail.
        with suppress(OSError), process:
            for line in process.stdout or ():
                # Its last line may be cut.
                with suppress(ValueError):
                    self._receive(json.loads(line))
        with self._lock:
            lost = [one for one in self._readings.values() if one.process is process]
        for reading in lost:
            reading.lost = True
            reading.news.set()

    def _receive(self, message: dict[str, Any]) -> None:
        with self._lock:
            reading = self._readings.get(message["number"])
        if reading is None:
            return
        if "ended" in message:
            reading.usage = Usage(**message["ended"])
        else:
            reading.words, reading.share = message["words"], message["share"]
        reading.news.set()


def make_message(request: DataRequest, folder: Path, limits: Limits) -> dict[str, Any]:
    """The message that makes a copy of the process read a request."""
    return {
        "request": request.to_dict(),
        "folder": str(folder),
        "memory": limits.memory,
        "processor": limits.processor,
    }


def check(request: DataRequest, folder: Path, usage: Usage, limits: Limits) -> None:
    """Raise the error of a copy, or an error if it crashed or was ended."""
    try:
        outcome = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        # It ended before, or while it wrote.
        outcome = None
    if outcome:
        error = _ERRORS.get(outcome["kind"], DataError)(*outcome["parts"])
        if isinstance(error, ChoiceNeeded) and "offer" in outcome:
            name, options, chosen = outcome["offer"]
            error.offer = Offer(name, tuple(options), chosen)
        raise error
    if outcome is None or usage.status != 0:
        # Beyond its processor time a copy gets SIGXCPU, and SIGKILL if it goes on.
        reason = f"it crashes the library that reads it (signal {-usage.status})"
        late = usage.status == -signal.SIGKILL and usage.seconds > limits.processor
        if usage.status == -signal.SIGXCPU or late:
            reason = f"still being read after {limits.processor:,.0f} s of work"
        elif usage.status == 0:
            # Not even the reason could be written.
            raise no_room("perhaps none")
        raise _refused(request, reason)


def _refused(request: DataRequest, reason: str) -> DataError:
    name = shorten(Path(request.source).name or request.source)
    return DataError(
        "a whole, readable file", f"{name} to be damaged or of another kind ({reason})", _REMEDY
    )
