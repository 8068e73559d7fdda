from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info

from engine.jobs import Jobs
from tests.conftest import ROOT
from tests.engine.jobs.fakes import Serve, ended, make_progress, submit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority there")

POOL = """
import sys
from pathlib import Path
from engine.config import LNMConfig
from engine.data import DataRequest, simulate
from engine.jobs import Jobs
from tests.engine.jobs.fakes import ended

home = Path(sys.argv[1])
simulate("lnm", cells=80, genes=20, factors=2, seed=2).write_h5ad(home / "sim.h5ad")
jobs = Jobs(home)
config = LNMConfig(n_factors=2, max_passes=3)
id = jobs.submit_fit(DataRequest(str(home / "sim.h5ad"), genes="all"), config)
assert ended(jobs, id).state in ("done", "stopped"), jobs.status(id).message
for task in Path("/proc/self/task").iterdir():
    name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
    print(name, rest.split()[16])
jobs.close()
"""


def test_a_lane_gives_way(jobs: Jobs) -> None:
    def priority(_handle: object) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = priority(None)
    id = jobs.submit("task", priority)
    ended(jobs, id)
    assert jobs.result(id) == max(before, 10)
    assert priority(None) == before


def test_the_threads_that_compute_a_fit_give_way(tmp_path: Path) -> None:
    command = [sys.executable, "-c", POOL, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    nice = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    pool = {value for name, value in nice if name.startswith("tf_XLA")}
    assert pool == {str(max(ours, 10))}
    assert str(ours) in {value for _, value in nice}


def test_blas_keeps_to_one_thread_during_a_fit_only(serve: Serve) -> None:
    """Its other threads would spin between two calls, before those that compute the fit."""
    seen: list[list[int]] = []

    def threads() -> list[int]:
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    def fit_iter(*_: Any, **__: Any) -> Iterator[Any]:
        seen.append(threads())
        yield make_progress(3, "converged")

    before = threads()
    jobs = serve(fit_iter=fit_iter)
    assert ended(jobs, submit(jobs, 1)).state == "done"
    assert seen == [[1] * len(before)]
    assert threads() == before
