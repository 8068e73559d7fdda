"""A server to be killed: one fit past its first checkpoint, one queued behind it."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.jobs import Jobs
from tests.engine.jobs.fakes import FakeFits, load_counts, submit

if __name__ == "__main__":
    fits = FakeFits()
    jobs = Jobs(Path(sys.argv[1]), fit_iter=fits, load_counts=load_counts)
    ids = [submit(jobs, 1), submit(jobs, 2)]
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)
    print(*ids, flush=True)
    # Returns when the test goes away, so that no server is left behind.
    sys.stdin.read()
