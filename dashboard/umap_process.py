"""The process that computes UMAPs: started when first needed, and again if it has ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from dashboard import umap_layout
from dashboard.umap_layout import ERROR, PROGRESS, RESULT, SCORES, OnProgress

POLL_SECONDS = 0.1
# One thread: the same scores give the same picture, and a fit beside it keeps a processor.
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class UmapProcess:
    """A process that does one UMAP after another.

    It lives as long as the server, because its first UMAP takes seconds of imports, and half a
    minute of compilation if none is cached. In a thread, the same work would block every page for
    up to half a second.

    Parameters
    ----------
    program
        File of the program; see `umap_layout` for what it reads and writes.
    """

    def __init__(self, program: Path = Path(umap_layout.__file__)) -> None:
        self._program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __call__(
        self, scores: np.ndarray, on_progress: OnProgress = lambda _fraction, _words: None
    ) -> np.ndarray:
        """(C, 2) coordinates of (C, k) scores.

        Parameters
        ----------
        on_progress
            Called with the progress every tenth of a second; an error that it raises ends the work.

        Raises
        ------
        RuntimeError
            If the computation failed; the message has the cause.
        """
        with self._lock, tempfile.TemporaryDirectory(prefix="logratio-umap-") as name:
            folder = Path(name)
            np.save(folder / SCORES, np.asarray(scores, np.float32), allow_pickle=False)
            process = self._ready()
            assert process.stdin is not None
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
            try:
                return _wait(process, folder, on_progress)
            except BaseException:
                # Nobody waits for the result any more.
                if not (folder / ERROR).exists():
                    self._end()
                raise

    def close(self) -> None:
        """End the process; the next UMAP starts another."""
        with self._lock:
            self._end()

    def _ready(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                # -P: the modules beside the program do not come before those of Python.
                [sys.executable, "-P", str(self._program)],
                stdin=subprocess.PIPE,
                env=os.environ | THREADS,
                text=True,
                encoding="utf-8",
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _wait(process: subprocess.Popen[str], folder: Path, on_progress: OnProgress) -> np.ndarray:
    fraction, words = 0.0, "starting"
    while True:
        ended = process.poll()
        if (folder / RESULT).exists():
            return np.asarray(np.load(folder / RESULT, allow_pickle=False))
        if (folder / ERROR).exists():
            raise RuntimeError((folder / ERROR).read_text("utf-8"))
        if ended is not None:
            raise RuntimeError(f"The process of the UMAP ended with exit code {ended}.")
        if (folder / PROGRESS).exists():
            fraction, words = json.loads((folder / PROGRESS).read_text("utf-8"))
        on_progress(fraction, words)
        time.sleep(POLL_SECONDS)


umap_coordinates = UmapProcess()
