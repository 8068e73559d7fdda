from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pytest

from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from tests.dashboard.synthetic import Steps

Until = Callable[[Callable[[], object]], None]


def test_reads_counts_beside_the_page(runner: Runner, state: AppState, until: Until) -> None:
    runner.read()
    assert state.reading == "demo"
    assert state.counts is None
    until(lambda: state.ready)
    assert state.summary.n_cells == 40
    assert state.summary.detected.tolist() == [12] * 40
    assert state.reading == ""


def test_a_bad_path_leaves_the_open_data_to_be_fitted(
    runner: Runner, state: AppState, until: Until
) -> None:
    runner.read()
    until(lambda: state.ready)
    state.param.update(source="/missing.h5ad", layer="counts")
    until(lambda: state.data_error)
    assert "missing" in state.data_error.got
    assert state.summary.name == "made up"
    assert state.ready


def test_only_the_newest_question_is_answered(
    runner: Runner, state: AppState, until: Until
) -> None:
    runner.read()
    state.source = "/missing.h5ad"
    state.source = "demo"
    until(lambda: state.ready)
    assert state.data_error is None


def test_a_fit_is_followed_to_its_end(
    runner: Runner, state: AppState, steps: Steps, until: Until
) -> None:
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.fit)
    assert state.partial == "pass 1 of about 4"
    assert state.status.state == "running"
    assert state.embedding is None
    steps.go_on.set()
    until(lambda: state.embedding)
    assert state.partial == ""
    assert state.status.state == "done"
    assert state.fit.status.passes == 4
    np.testing.assert_array_equal(state.embedding.xy, state.fit.scores[:, :2] + 100)
    assert [run.id for run in state.runs] == [state.run]


def test_fit_waits_for_the_counts(runner: Runner, state: AppState, until: Until) -> None:
    runner.read()
    runner.fit()
    assert state.run is None
    assert state.fit_requested
    until(lambda: state.run)
    assert not state.fit_requested


def test_counts_that_cannot_be_read_are_not_fitted(
    runner: Runner, state: AppState, until: Until
) -> None:
    state.source = "/missing.h5ad"
    until(lambda: state.data_error)
    runner.fit()
    until(lambda: state.run_error)
    assert state.run is None
    assert "missing" in state.run_error.got


def test_a_bad_setting_is_told_and_nothing_starts(
    runner: Runner, state: AppState, until: Until
) -> None:
    runner.read()
    until(lambda: state.ready)
    state.genes = -1
    assert state.data_error is not None
    assert not state.reading


def test_stop_keeps_the_best_so_far(runner: Runner, state: AppState, until: Until) -> None:
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.fit)
    runner.stop()
    until(lambda: state.embedding)
    assert state.status.state == "stopped"
    assert state.fit.status.passes == 1
    assert state.partial == ""


def test_a_new_page_opens_the_run_that_goes_on(
    runner: Runner, state: AppState, services: Services, until: Until
) -> None:
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.fit)
    later = AppState(source="demo")
    Runner(later, services).open_newest_running()
    assert later.run == state.run
    assert later.fit is None


def test_a_new_page_does_not_open_an_ended_run(
    runner: Runner, state: AppState, services: Services, steps: Steps, until: Until
) -> None:
    steps.go_on.set()
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.embedding)
    later = AppState(source="demo")
    second = Runner(later, services)
    second.open_newest_running()
    assert later.run is None
    assert [run.id for run in later.runs] == [state.run]
    second.open(state.run)
    assert later.run == state.run


def test_delete_and_resume(runner: Runner, state: AppState, steps: Steps, until: Until) -> None:
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.fit)
    runner.stop()
    until(lambda: state.status.state == "stopped")
    runner.resume(state.run)
    until(lambda: state.status and state.status.state == "running")
    steps.go_on.set()
    until(lambda: state.status.state == "done")
    runner.delete(state.run)
    assert (state.run, state.runs) == (None, [])


def test_a_run_that_is_gone_is_told(runner: Runner, state: AppState) -> None:
    runner.open("nothing-like-this")
    assert state.run is None
    assert state.run_error is not None


def test_a_umap_that_fails_is_told_once(
    runner: Runner, state: AppState, steps: Steps, until: Until, monkeypatch
) -> None:
    calls = []

    def fail(scores: np.ndarray, *_: object) -> np.ndarray:
        calls.append(len(scores))
        raise ValueError("no neighbours")

    monkeypatch.setattr("dashboard.embedding.umap_coordinates", fail)
    steps.go_on.set()
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.run_error)
    n_calls = len(calls)
    for _ in range(20):
        runner.tick()
    assert len(calls) == n_calls
    assert state.fit is not None


def test_two_pages_do_not_share_what_they_show(
    runner: Runner, state: AppState, services: Services, until: Until
) -> None:
    other = AppState(source="demo")
    second = Runner(other, services)
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.fit)
    second.tick()
    assert other.run is None
    assert other.fit is None
    assert other.counts is None


def test_a_setting_typed_just_before_the_press_counts(
    runner: Runner, state: AppState, until: Until
) -> None:
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    runner.tick()
    state.n_factors = 2
    until(lambda: state.fit)
    assert state.fit.n_factors == 2


@pytest.mark.slow
def test_a_home_that_goes_away_is_told_and_what_is_shown_stays(
    runner: Runner, state: AppState, steps: Steps, services: Services, until: Until
) -> None:
    steps.go_on.set()
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.embedding)
    run = state.run
    shutil.rmtree(services.jobs.home)
    runner._listed = 0.0
    until(lambda: state.run_error)
    assert str(services.jobs.home) in state.run_error.expected
    assert state.run == run
    assert state.fit is not None
    runner.fit()
    until(lambda: state.run != run)
    until(lambda: state.status and state.status.state == "done")
    runner._listed = 0.0
    until(lambda: [status.id for status in state.runs] == [state.run])
    assert state.run_error is None
