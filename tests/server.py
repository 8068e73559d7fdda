"""A ``panel serve app.py`` of one's own, as the README says, in a process beside."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import PATIENCE

# `make test` gives each of its workers one thread; a server has all processors, as elsewhere.
THREADS = {"NPROC", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}

ROOT = Path(__file__).parents[1]
# Kept between runs; counts that other code has read are not taken from it.
COUNTS = ROOT / ".cache" / "counts"
# With the frames that led there, so that a failing test says where to look.
RAISED = re.compile(
    r"^(?:Traceback .*\n(?: .*\n)+)?[\w.]*(?:Error|Exception|Warning)\b.*", re.MULTILINE
)
# A browser that sends a model a second time: Bokeh says so, and goes on with the one it has.
SENT_AGAIN = re.compile(r"BokehUserWarning: reference already known")
# What Bokeh itself raises when a socket closes under what it was sending.
BROWSER_WENT_AWAY = re.compile(
    r"ClosedError|views.ws\.py.* in on_close\n(?: {4}.*\n)+.*bokeh.server.connection\.py"
)


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    url: str
    log: Path
    home: Path
    pid: int

    def complaints(self) -> list[str]:
        """Exceptions in the log, but for those of a browser that went away."""
        found = RAISED.finditer(self.log.read_text("utf-8", "replace"))
        harmless = (BROWSER_WENT_AWAY, SENT_AGAIN)
        return [error[0] for error in found if not any(one.search(error[0]) for one in harmless)]


@contextmanager
def serve(
    folder: Path, *flags: str, app: Path = ROOT / "app.py", port: int = 0, **environment: str
) -> Iterator[Server]:
    """Start a server, with its runs and its log in a folder; end it at the end.

    Parameters
    ----------
    port
        A free one by default.
    """
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    aside = {"DATA", "BOKEH_RESOURCES", *THREADS}
    kept = {k: v for k, v in os.environ.items() if k not in aside}
    # Small fits: programs that compile in three quarters of the time compute hardly slower.
    kept.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
    home, log = folder / "home", folder / "log"
    # What one server has read, the demo above all, another need not read again.
    home.mkdir(exist_ok=True)
    if not (home / "counts").exists():
        COUNTS.mkdir(parents=True, exist_ok=True)
        (home / "counts").symlink_to(COUNTS)
    command = [sys.executable, "-m", "panel", "serve", str(app), "--address", "127.0.0.1"]
    command += ["--port", str(port), "--allow-websocket-origin", f"127.0.0.1:{port}", *flags]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=kept | {"LOGRATIO_HOME": str(home), "PYTHONPATH": str(ROOT)} | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(port, process, log)
        yield Server(f"http://127.0.0.1:{port}/{app.stem}", log, home, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"panel serve did not start:\n{log.read_text('utf-8', 'replace')}")
