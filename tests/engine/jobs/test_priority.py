from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.jobs import JobError
from tests.conftest import ROOT
from tests.engine.jobs.fakes import Serve, ended
from tests.server import THREADS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority there")

POOL = """
import sys
from pathlib import Path
from engine.jobs import Jobs
from engine.jobs import JobError
from tests.engine.jobs.fakes import Serve, ended
from tests.tiny import LNM, tiny_file

home = Path(sys.argv[1])
jobs = Jobs(home)
id = jobs.submit_fit(tiny_file(home), LNM)
assert ended(jobs, id).state in ("done", "stopped"), jobs.status(id).message
for task in Path("/proc/self/task").iterdir():
    name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
    print(name, rest.split()[16])
jobs.close()
"""


BLAS = """
import sys
from pathlib import Path
from threadpoolctl import threadpool_info
from tests.engine.jobs.fakes import Jobs, ended, load_counts, make_progress, submit

def told():
    print([lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"])

def fit_iter(*_, **__):
    told()
    yield make_progress(3, "converged")

told()
jobs = Jobs(Path(sys.argv[1]), fit_iter=fit_iter, load_counts=load_counts)
assert ended(jobs, submit(jobs, 1)).state == "done"
jobs.close()
told()
"""


@pytest.mark.parametrize(("given", "nice"), [(None, 10), ("", 10), ("3", 3), ("0", 0)])
def test_a_lane_gives_way(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, given: str | None, nice: int
) -> None:
    def priority(_handle: object) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    monkeypatch.delenv("LOGRATIO_NICE")
    if given is not None:
        monkeypatch.setenv("LOGRATIO_NICE", given)
    jobs = serve()
    before = priority(None)
    id = jobs.submit("task", priority)
    ended(jobs, id)
    assert jobs.result(id) == max(before, nice)
    assert priority(None) == before


@pytest.mark.parametrize("given", ["low", "-5", "20", "1.5"])
def test_a_priority_that_is_none_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("LOGRATIO_NICE", given)
    with pytest.raises(JobError, match="whole number from 0 to 19"):
        serve()


@pytest.mark.fit
def test_the_threads_that_compute_a_fit_give_way(tmp_path: Path) -> None:
    command = [sys.executable, "-c", POOL, str(tmp_path)]
    usual = os.environ | {"LOGRATIO_NICE": ""}
    done = subprocess.run(command, cwd=ROOT, env=usual, check=True, capture_output=True, text=True)
    nice = [line.rsplit(" ", 1) for line in done.stdout.splitlines()]
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    pool = {value for name, value in nice if name.startswith("tf_XLA")}
    assert pool == {str(max(ours, 10))}
    assert str(ours) in {value for _, value in nice}


def test_blas_keeps_to_one_thread_during_a_fit_only(tmp_path: Path) -> None:
    """Its other threads would spin between two calls, before those that compute the fit."""
    alone = {name: value for name, value in os.environ.items() if name not in THREADS}
    command = [sys.executable, "-c", BLAS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=alone, check=True, capture_output=True, text=True)
    before, during, after = map(json.loads, done.stdout.splitlines())
    assert before == after
    assert during == [1] * len(before)
    if (os.cpu_count() or 1) > 1:
        assert max(before) > 1
