"""Kill servers at random moments and look at what they leave: ``python -m benchmarks.kill``.

One or two servers on one home queue, read, fit (by the real engine, with a checkpoint every so
often), save, rename, select in and delete runs, and go on with interrupted ones, until they are
killed by SIGKILL; now and then it is the shell's sweep. What they were told is done is written
down; then, as the next server would, the home is read: no run may be lost or come back, no file
half-written, and nothing left over after a day.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.kill_checks import Journal, faults
from benchmarks.kill_server import PHASES, Shared, work
from engine.data import simulate

# Seconds that a phase is waited for, and that it may last before the kill.
WAIT, LATER = 12.0, 0.08
# What is over at once: its seconds.
BRIEF = {"deleting": 0.004}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill", description=__doc__)
    parser.add_argument("--moments", type=int, default=100, help="how many kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=None, help="stop after so many")
    arguments = parser.parse_args()
    began, moments, found = time.monotonic(), Counter[str](), list[str]()
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        folder = Path(name)
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder / "jax"))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        data, journal = folder / "cells.h5ad", Journal(folder / "journal")
        simulate("lnm", cells=400, genes=80, factors=2, seed=0).write_h5ad(data)
        for moment in range(arguments.moments):
            minutes = (time.monotonic() - began) / 60
            if arguments.minutes is not None and minutes > arguments.minutes:
                break
            draw = random.Random(f"{arguments.seed} {moment}")
            phase = kill_one(draw, folder / "home", data, journal)
            moments[phase] += 1
            for fault in faults(folder / "home", journal):
                found.append(f"moment {moment} ({phase}): {fault}")
                print(found[-1], flush=True)
        counted = journal.counted()
    print(f"{sum(moments.values())} moments, {(time.monotonic() - began) / 60:.1f} minutes")
    print(", ".join(f"{name} {times}" for name, times in sorted(moments.items())))
    print(", ".join(f"{times} times {name}" for name, times in sorted(counted.items())))
    print(f"{len(found)} faults")
    return int(bool(found))


def kill_one(draw: random.Random, home: Path, data: Path, journal: Journal) -> str:
    """Start servers, kill them at a moment that is drawn; what the first was doing then."""
    if draw.random() < 0.1:
        return _kill_shell(draw, home, data)
    wanted, several = draw.choice(PHASES), draw.random() < 0.3
    servers = []
    for number in range(1 + several):
        shared = Shared()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            # Nothing of this process is to be cleaned up by its child.
            try:
                work(home, data, journal, shared, draw.random() + number)
            finally:
                os._exit(1)
        servers.append((pid, shared))
    first = servers[0][1]
    deadline = time.monotonic() + WAIT
    while first.phase != wanted and time.monotonic() < deadline:
        time.sleep(0.0005)
    if wanted in BRIEF and first.phase == wanted:
        time.sleep(draw.uniform(0, BRIEF[wanted]))
    else:
        time.sleep(draw.uniform(0, LATER) if draw.random() < 0.7 else draw.uniform(0, 1.5))
    phase = first.phase
    for pid, _ in servers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return f"{phase or 'starting'}{' beside another server' if several else ''}"


def _kill_shell(draw: random.Random, home: Path, data: Path) -> str:
    command = [sys.executable, "-m", "engine", "sweep", str(data), "--genes", "all"]
    shell = subprocess.Popen(
        [*command, "--values", "2,3", "--max-passes", "25"],
        env=os.environ | {"LOGRATIO_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(draw.uniform(2.0, 14.0))
    shell.kill()
    shell.wait()
    return "sweep of the shell"


if __name__ == "__main__":
    sys.exit(main())
