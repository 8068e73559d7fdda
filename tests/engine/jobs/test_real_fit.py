from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.data import DataRequest
from engine.jobs import Jobs
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.lnm.config import LNMConfig
from engine.results import Fit
from tests.engine.jobs.fakes import ended
from tests.tiny import tiny_file

pytestmark = pytest.mark.fit

CONFIG = LNMConfig(n_factors=2, seed=1)


@pytest.fixture
def request_(tmp_path: Path) -> DataRequest:
    return tiny_file(tmp_path)


def test_a_fit_stopped_and_resumed_ends_like_one_left_alone(
    serve: Callable[..., Jobs], request_: DataRequest
) -> None:
    stopping: list[Jobs] = []

    def fit_iter(counts: Any, config: LNMConfig, *, start: Fit | None = None) -> Iterator[Any]:
        for progress in engine_fit_iter(counts, config, start=start):
            if stopping and progress.status.passes >= 3:
                server = stopping.pop()
                server.stop(server.list()[0].id)
            yield progress

    jobs = serve(fit_iter=fit_iter, load_counts=engine_load)
    alone = jobs.submit_fit(request_, CONFIG)
    done = ended(jobs, alone)
    assert done.state == "done", done.message
    assert done.fraction == 1.0
    assert done.passes > 3
    seconds, values = np.array(done.trace).T
    assert (np.diff(seconds) >= 0).all()
    assert values[-1] == pytest.approx(jobs.result(alone).log_marginal_per_cell, abs=0.05)

    stopping.append(jobs)
    id = jobs.submit_fit(request_, CONFIG)
    stopped = ended(jobs, id)
    assert (stopped.state, stopped.passes) == ("stopped", 3)
    fit = jobs.result(id)
    assert fit.data["request"] == request_.to_dict(), "a report of the file alone tells how"
    assert fit.status.state == "stopped"
    assert math.isfinite(fit.log_marginal_per_cell)

    jobs.resume(id)
    resumed = ended(jobs, id)
    assert resumed.state == "done", resumed.message
    assert (np.diff(np.array(resumed.trace)[:, 0]) >= 0).all()
    # The scales of the priors are estimated on the way, which differs; a first pass is 2 nats off.
    assert jobs.result(id).log_marginal_per_cell == pytest.approx(
        jobs.result(alone).log_marginal_per_cell, abs=0.2
    )
    assert jobs.result(id).log_marginal_per_cell >= fit.log_marginal_per_cell
