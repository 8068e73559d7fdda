"""A server that does all that leaves traces on disk, until it is killed."""

from __future__ import annotations

import mmap
import random
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.kill_checks import Journal
from dashboard import saved_selections
from dashboard.folders import Folders
from engine import LNMConfig
from engine.data import DataRequest
from engine.errors import EngineError
from engine.jobs import Jobs
from engine.store import CountsStore

PHASES = (
    "queued",
    "reading counts",
    "starting",
    "fitting",
    "scoring",
    "saving",
    "deleting",
    "uploading",
    "",
)
MOST_RUNS = 6


class Shared:
    """What a server is doing, for its parent to see without asking."""

    def __init__(self) -> None:
        self._bytes = mmap.mmap(-1, 64)

    @property
    def phase(self) -> str:
        return self._bytes[:64].rstrip(b"\0").decode()

    @phase.setter
    def phase(self, phase: str) -> None:
        self._bytes[:64] = phase.encode()[:64].ljust(64, b"\0")


def work(home: Path, data: Path, journal: Journal, shared: Shared, seed: float) -> None:
    """Serve, and never return."""
    draw = random.Random(seed)
    jobs = Jobs(home, checkpoint_every=0.05, load_counts=CountsStore(home / "counts").load)
    doing = [""]

    def tell() -> None:
        while True:
            fits = [job.status for job in jobs._pool.jobs().values() if job.status.kind == "fit"]
            running = [status.phase for status in fits if status.state == "running"]
            queued = ["queued"] if any(status.state == "queued" for status in fits) else []
            shared.phase = doing[0] or [*running, *queued, ""][0]
            time.sleep(0.0005)

    threading.Thread(target=tell, daemon=True).start()
    while True:
        _mind(jobs, journal)
        known = [status for status in jobs.list() if status.kind == "fit"]
        act = draw.choice(("submit", "resume", "rename", "name", "select", "delete", "upload"))
        try:
            if act == "submit" and len(known) < MOST_RUNS:
                config = LNMConfig(n_factors=2, seed=draw.randrange(100), max_passes=25)
                holdout = draw.choice((0.0, 0.1))
                # Mostly others than were read before, so that there is something to read.
                request = DataRequest(str(data), genes=draw.randrange(50, 80))
                journal.write("made", jobs.submit_fit(request, config, holdout=holdout))
            elif act == "upload":
                doing[0] = "uploading"
                _upload(Folders(home / "uploads"), journal, draw)
            elif known:
                _change(act, jobs, draw.choice(known).id, journal, doing, draw)
        except EngineError:
            # Another server has the run, or deleted it.
            pass
        doing[0] = ""
        time.sleep(draw.uniform(0, 0.15))


def _change(
    act: str, jobs: Jobs, run: str, journal: Journal, doing: list[str], draw: random.Random
) -> None:
    if act == "resume":
        jobs.resume(run)
    elif act == "rename":
        name = f"name {draw.randrange(1000)}"
        journal.write("renaming", run, name)
        jobs.rename(run, name)
        journal.write("renamed", run, name)
    elif act == "name":
        fit = jobs.result(run)
        if fit is not None:
            jobs.name_factors(run, [f"f{j}" for j in range(fit.n_factors)], fit.status.passes)
    elif act == "select":
        mask = np.arange(400) % draw.randrange(2, 40) == 0
        saved_selections.write(jobs.folder(run), mask)
        journal.write("selected", run, saved_selections.name(mask))
    elif act == "delete" and draw.random() < 0.15:
        doing[0] = "deleting"
        journal.write("deleting", run)
        jobs.delete(run)
        if all(status.id != run for status in jobs.list()) and not jobs._pool.get(run):
            journal.write("deleted", run)


def _upload(folders: Folders, journal: Journal, draw: random.Random) -> None:
    content = bytes(draw.randrange(1, 200_000))
    upload = folders.begin("cells.h5ad", len(content))
    for at in range(0, len(content), 50_000):
        upload.add(content[at : at + 50_000])
    journal.write("uploaded", str(upload.finish()), str(len(content)))


def _mind(jobs: Jobs, journal: Journal) -> None:
    """Write down the runs that have ended well: what they are said to be, they must stay."""
    for status in jobs.list():
        if status.kind == "fit" and status.state == "done" and jobs._pool.get(status.id) is None:
            journal.write("done", status.id, str(status.passes))
