"""Factor names on the page of a run that goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dashboard.naming import distinct
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from engine.data import DataRequest
from engine.jobs import Jobs
from engine.lda.config import LDAConfig
from tests.dashboard.synthetic import make_counts
from tests.engine.jobs.turning import Turning
from tests.waiting import wait_for

Until = Callable[[Callable[[], object]], None]


@pytest.mark.slow
def test_names_follow_their_topics_when_a_run_goes_on(
    state: AppState, services: Services, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path / "turning", fit_iter=Turning(), devices=lambda: [None])
    runner = Runner(state, Services(jobs))

    def shown(passes: int, *, ended: bool) -> bool:
        runner.tick()
        fit, is_whole = state.fit, not state.partial
        return fit is not None and fit.status.passes == passes and is_whole == ended

    run = jobs.submit_fit(DataRequest("made up"), LDAConfig(n_topics=3), counts=make_counts())
    runner.open(run)
    wait_for(lambda: shown(1, ended=False))
    runner.stop()
    wait_for(lambda: shown(1, ended=True))
    state.rename_factor(0, "B cells")
    wait_for(lambda: runner.tick() or jobs.factor_names(run, 1))
    before = state.fit.topics[:, 0]
    jobs.resume(run)
    wait_for(lambda: shown(2, ended=False))
    assert state.names == ["topic 1", "topic 2", "B cells"]
    np.testing.assert_array_equal(state.fit.topics[:, 2], before)
    runner.stop()
    wait_for(lambda: shown(2, ended=True))
    assert state.names == ["topic 1", "topic 2", "B cells"]
    jobs.close()


def test_no_two_runs_get_one_name() -> None:
    assert distinct("a", []) == distinct("a", ["b", "a (2)"]) == "a"
    assert distinct("a", ["a", "a (2)", "b"]) == "a (3)"


def test_a_second_fit_of_the_same_is_told_from_the_first(
    runner: Runner, state: AppState, until: Until
) -> None:
    runner.read()
    until(lambda: state.ready)
    for _ in range(2):
        before = state.run
        runner.fit()
        until(lambda before=before: state.run not in (None, before))
    newest, first = (run.name for run in state.runs)
    assert newest == f"{first} (2)"
