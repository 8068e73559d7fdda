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

FIT = """
import json
import sys
from pathlib import Path
from threadpoolctl import threadpool_info
from engine.jobs import Jobs
from engine.jobs.fits import engine_fit_iter
from tests.engine.jobs.fakes import ended
from tests.tiny import LDA, tiny_file

def blas():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

def fit_iter(*arguments, **named):
    told.append(blas())
    yield from engine_fit_iter(*arguments, **named)

home = Path(sys.argv[1])
data = tiny_file(home, "lda")
told = [blas()]
jobs = Jobs(home, fit_iter=fit_iter)
id = jobs.submit_fit(data, LDA)
assert ended(jobs, id).state in ("done", "stopped"), jobs.status(id).message
threads = []
for task in Path("/proc/self/task").iterdir():
    name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
    threads.append([name, rest.split()[16]])
jobs.close()
told.append(blas())
print(json.dumps([threads, told]))
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
def test_a_fit_gives_way_and_keeps_to_one_thread_of_blas(tmp_path: Path) -> None:
    """The other threads of BLAS would spin between two calls, before those that compute the fit."""
    alone = {name: value for name, value in os.environ.items() if name not in THREADS}
    command = [sys.executable, "-c", FIT, str(tmp_path)]
    alone["LOGRATIO_NICE"] = ""
    done = subprocess.run(command, cwd=ROOT, env=alone, check=True, capture_output=True, text=True)
    threads, (before, during, after) = json.loads(done.stdout)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    pool = {value for name, value in threads if name.startswith("tf_XLA")}
    assert pool == {str(max(ours, 10))}
    assert str(ours) in {value for _, value in threads}
    assert before == after
    assert during == [1] * len(before)
    if (os.cpu_count() or 1) > 1:
        assert max(before) > 1
