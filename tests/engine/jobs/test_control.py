from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.jobs import JobError, Jobs
from engine.results import load
from tests.engine.jobs.fakes import FakeFits, ended, submit
from tests.waiting import PATIENCE


def folder(jobs: Jobs, id: str) -> Path:
    return jobs.home / "runs" / id


def run_to_pull(jobs: Jobs, fits: FakeFits, pull: int, seed: int = 1) -> str:
    """A fit that is computing its pull'th step; steps after the first have made a fit."""
    id = submit(jobs, seed)
    fits.allow(seed, pull - 1)
    fits.wait_for_pull(seed, pull)
    return id


def test_stop_keeps_the_best_so_far(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 3)
    jobs.stop(id)
    assert jobs.status(id).message == "Stopping."
    fits.allow(1, 1)
    status = ended(jobs, id)
    assert (status.state, status.passes, status.message) == ("stopped", 2, "stopped by the user")
    kept = load(folder(jobs, id) / "fit.h5ad")
    assert (kept.status.state, kept.status.passes) == ("stopped", 2)
    assert jobs.result(id).status == kept.status
    assert not (folder(jobs, id) / "checkpoint.h5ad").exists()


def test_stop_is_obeyed_within_one_pull(jobs: Jobs, fits: FakeFits) -> None:
    fits.passes = 100
    id = run_to_pull(jobs, fits, 3)
    jobs.stop(id)
    fits.allow(1)
    assert ended(jobs, id).state == "stopped"
    assert fits.pulls[1] == 3
    assert fits.closed == {1}


def test_stop_at_the_last_step_is_done(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 4)
    jobs.stop(id)
    fits.allow(1)
    assert ended(jobs, id).state == "done"
    assert jobs.result(id).status.state == "converged"


def test_stop_before_the_first_pass_keeps_nothing(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 1)
    jobs.stop(id)
    fits.allow(1)
    status = ended(jobs, id)
    assert (status.state, status.message) == (
        "stopped",
        "Stopped before the first pass; there is no fit.",
    )
    assert jobs.result(id) is None
    jobs.resume(id)
    assert ended(jobs, id).state == "done"
    assert fits.starts == [None, None]


def test_cancel_discards(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 3)
    assert (folder(jobs, id) / "checkpoint.h5ad").exists()
    jobs.cancel(id)
    fits.allow(1)
    assert ended(jobs, id).state == "cancelled"
    assert fits.pulls[1] == 3
    assert jobs.result(id) is None
    assert not list(folder(jobs, id).glob("*.h5ad"))
    with pytest.raises(JobError, match="cancelled"):
        jobs.resume(id)


@pytest.mark.parametrize("wishes", [("stop", "cancel"), ("cancel", "stop")])
def test_cancel_overrules_stop(jobs: Jobs, fits: FakeFits, wishes: tuple[str, str]) -> None:
    id = run_to_pull(jobs, fits, 3)
    for wish in wishes:
        getattr(jobs, wish)(id)
    fits.allow(1)
    assert ended(jobs, id).state == "cancelled"


@pytest.mark.parametrize(("wish", "state"), [("stop", "stopped"), ("cancel", "cancelled")])
def test_a_queued_fit_ends_at_once(jobs: Jobs, fits: FakeFits, wish: str, state: str) -> None:
    running = run_to_pull(jobs, fits, 1)
    queued, last = submit(jobs, 2), submit(jobs, 3)
    getattr(jobs, wish)(queued)
    assert jobs.status(queued).state == state
    for seed in (1, 2, 3):
        fits.allow(seed)
    assert ended(jobs, running).state == "done"
    assert ended(jobs, last).state == "done"
    assert fits.begun == [1, 3]


def test_wishes_after_the_end_change_nothing(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    id = submit(jobs, 1)
    before = ended(jobs, id)
    jobs.stop(id)
    jobs.cancel(id)
    assert jobs.status(id) == before
    with pytest.raises(JobError, match="done"):
        jobs.resume(id)
    assert jobs.result(id).status.state == "converged"


def test_resume_goes_on_from_the_stopped_fit(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 3)
    jobs.stop(id)
    fits.allow(1, 1)
    before = ended(jobs, id)
    jobs.resume(id)
    fits.wait_for_pull(1, 1)
    running = jobs.status(id)
    assert running.revision > before.revision
    assert running.trace == before.trace
    assert jobs.result(id).status.passes == 2
    fits.allow(1)
    assert ended(jobs, id).state == "done"
    assert fits.starts == [None, 2]
    assert jobs.status(id).trace == ((1.0, -10.0), (2.0, -5.0), (3.0, -10.0 / 3))
    assert jobs.status(id).passes == 3


def test_resume_twice_runs_once(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 3)
    jobs.stop(id)
    fits.allow(1, 1)
    ended(jobs, id)
    together = threading.Barrier(4, timeout=PATIENCE)

    def resume(_: int) -> None:
        together.wait()
        jobs.resume(id)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(resume, range(4)))
    fits.allow(1)
    assert ended(jobs, id).state == "done"
    assert fits.begun == [1, 1]


def test_cancel_after_resume_keeps_the_earlier_fit(jobs: Jobs, fits: FakeFits) -> None:
    fits.passes = 5
    id = run_to_pull(jobs, fits, 3)
    jobs.stop(id)
    fits.allow(1, 1)
    before = ended(jobs, id)
    jobs.resume(id)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)
    jobs.cancel(id)
    fits.allow(1)
    after = ended(jobs, id)
    assert (after.state, after.passes, after.trace) == ("stopped", 2, before.trace)
    assert jobs.result(id).status.passes == 2


@pytest.mark.parametrize("wish", ["stop", "cancel"])
def test_unqueuing_a_resumed_run_leaves_it_as_it_was(jobs: Jobs, fits: FakeFits, wish: str) -> None:
    id = run_to_pull(jobs, fits, 3)
    jobs.stop(id)
    fits.allow(1, 1)
    before = ended(jobs, id)
    run_to_pull(jobs, fits, 1, seed=2)
    jobs.resume(id)
    getattr(jobs, wish)(id)
    after = jobs.status(id)
    assert (after.state, after.message) == (before.state, before.message)
    assert jobs.result(id).status.passes == 2


def test_stop_of_a_resumed_run_before_its_first_pass_keeps_what_was(
    jobs: Jobs, fits: FakeFits
) -> None:
    id = run_to_pull(jobs, fits, 3)
    jobs.stop(id)
    fits.allow(1, 1)
    ended(jobs, id)
    jobs.resume(id)
    fits.wait_for_pull(1, 1)
    jobs.stop(id)
    fits.allow(1)
    assert ended(jobs, id).state == "stopped"
    assert jobs.result(id).status.passes == 2


def test_delete_of_a_running_fit_hides_it_at_once(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 3)
    following = submit(jobs, 2)
    jobs.delete(id)
    assert [status.id for status in jobs.list()] == [following]
    for call in (jobs.status, jobs.result, jobs.stop, jobs.delete, jobs.resume):
        with pytest.raises(JobError, match="deleted"):
            call(id)
    fits.allow(1)
    fits.allow(2)
    assert ended(jobs, following).state == "done"
    assert not folder(jobs, id).exists()
    assert fits.pulls[1] == 3


def test_delete_of_queued_and_ended_fits(jobs: Jobs, fits: FakeFits) -> None:
    running = run_to_pull(jobs, fits, 1)
    queued = submit(jobs, 2)
    jobs.delete(queued)
    assert not folder(jobs, queued).exists()
    fits.allow(1)
    ended(jobs, running)
    jobs.delete(running)
    assert jobs.list() == []
    assert list((jobs.home / "runs").iterdir()) == []


def test_rename_changes_the_label_only(jobs: Jobs, fits: FakeFits) -> None:
    id = run_to_pull(jobs, fits, 2)
    jobs.rename(id, "  first \n try ")
    assert jobs.status(id).name == "first try"
    fits.allow(1)
    ended(jobs, id)
    jobs.rename(id, "second try")
    status = jobs.status(id)
    assert (status.id, status.name, status.state) == (id, "second try", "done")
    task = jobs.submit("task", lambda handle: None)
    jobs.rename(task, "renamed")
    assert jobs.status(task).name == "renamed"
    with pytest.raises(JobError, match="empty"):
        jobs.rename(id, "  ")


@pytest.mark.parametrize(
    "id", ["nothing", "", ".", "..", "../runs", "a/b", ".new-x", "/runs", "\0", "x" * 999]
)
def test_unknown_ids_are_refused(jobs: Jobs, id: str) -> None:
    for call in (jobs.status, jobs.result, jobs.stop, jobs.cancel, jobs.resume, jobs.delete):
        with pytest.raises(JobError, match="Choose a run"):
            call(id)
    with pytest.raises(JobError, match="Choose a run"):
        jobs.rename(id, "name")
    assert (jobs.home / "runs").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("begun", [False, True])
def test_wishes_race(jobs: Jobs, fits: FakeFits, begun: bool) -> None:
    """Whatever the order, the run ends, is deleted, and the next one is done."""

    def call(method: Callable[[str], None], id: str, together: threading.Barrier) -> None:
        together.wait()
        # Those who lose against delete are told so.
        with contextlib.suppress(JobError):
            method(id)

    seeds = range(1, 21)
    for seed in seeds:
        id = submit(jobs, seed)
        if begun:
            fits.allow(seed, 2)
            fits.wait_for_pull(seed, 3)
        methods = [jobs.stop, jobs.delete, jobs.cancel, jobs.resume, fits_allow(fits, seed)]
        together = threading.Barrier(len(methods), timeout=PATIENCE)
        with ThreadPoolExecutor(len(methods)) as threads:
            waiting = [threads.submit(call, method, id, together) for method in methods]
            for item in waiting:
                item.result(PATIENCE)
    last = submit(jobs, 99)
    fits.allow(99)
    assert ended(jobs, last).state == "done"
    assert [status.id for status in jobs.list()] == [last]
    assert [path.name for path in (jobs.home / "runs").iterdir()] == [last]


def fits_allow(fits: FakeFits, seed: int) -> Callable[[str], None]:
    return lambda id: fits.allow(seed)
