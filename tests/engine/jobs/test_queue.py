from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import pytest

from engine.data import DataRequest, simulate
from engine.jobs import JobError, JobHandle, Jobs
from engine.jobs.fits import engine_load
from engine.results import Fit
from tests.engine.jobs.fakes import (
    REQUEST,
    FakeFits,
    config,
    ended,
    make_progress,
    submit,
)
from tests.waiting import PATIENCE


def test_fits_run_one_at_a_time_in_the_order_of_submission(jobs: Jobs, fits: FakeFits) -> None:
    ids = [submit(jobs, seed) for seed in (1, 2, 3)]
    fits.wait_for_pull(1, 1)
    assert [jobs.status(id).state for id in ids] == ["running", "queued", "queued"]
    for seed in (3, 2, 1):
        fits.allow(seed)
    assert [ended(jobs, id).state for id in ids] == ["done"] * 3
    assert fits.begun == [1, 2, 3]


def test_list_is_newest_first(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    first = submit(jobs, 1)
    ended(jobs, first)
    task = jobs.submit("a task", lambda handle: None)
    second = submit(jobs, 2)
    assert [status.id for status in jobs.list()] == [second, task, first]
    assert [status.kind for status in jobs.list()] == ["fit", "task", "fit"]


def test_progress_is_published(jobs: Jobs, fits: FakeFits) -> None:
    id = submit(jobs, 1)
    fits.allow(1, 3)
    fits.wait_for_pull(1, 4)
    status = jobs.status(id)
    assert (status.state, status.phase, status.passes) == ("running", "fitting", 2)
    assert status.trace == ((1.0, -10.0), (2.0, -5.0))
    assert status.log_marginal_per_cell == -5.0
    assert (status.gradient_median, status.gradient_worst) == (0.1, 0.2)
    assert (status.fraction, status.seconds_left) == (0.2, 1.0)
    assert status.log[-2:] == ("compiling", "fitting")
    assert status.peak_memory_mb > 1
    snapshot = jobs.result(id)
    assert isinstance(snapshot, Fit)
    assert snapshot.status.passes == 2
    assert jobs.result(id) is snapshot

    fits.allow(1)
    final = ended(jobs, id)
    assert (final.state, final.fraction, final.seconds_left) == ("done", 1.0, None)
    assert final.message == "the gain of a pass fell under the tolerance"
    assert final.revision > status.revision
    assert jobs.result(id).status.state == "converged"


def test_no_result_before_the_first_pass(jobs: Jobs, fits: FakeFits) -> None:
    id = submit(jobs, 1)
    fits.allow(1, 1)
    fits.wait_for_pull(1, 2)
    assert jobs.result(id) is None
    assert jobs.status(id).trace == ()


def test_name_says_data_model_and_factors_unless_given(jobs: Jobs, fits: FakeFits) -> None:
    given = jobs.submit_fit(REQUEST, config(1), name=" my  fit ")
    assert jobs.status(given).name == "my fit"
    default = jobs.submit_fit(REQUEST, config(2))
    assert jobs.status(default).name == "tiny · lnm k1"


def test_counts_are_read_when_they_are_not_given(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    id = jobs.submit_fit(REQUEST, config(1))
    assert ended(jobs, id).state == "done"
    assert "Found 5 cells and 4 genes." in jobs.status(id).log


def test_counts_are_read_from_the_file_of_the_request(
    serve: Callable[..., Jobs], fits: FakeFits, tmp_path: Path
) -> None:
    data = simulate("lnm", cells=5, genes=4, factors=1, seed=1)
    data.write_h5ad(tmp_path / "sim.h5ad")
    fits.free = True
    jobs = serve(load_counts=engine_load)
    id = jobs.submit_fit(DataRequest(str(tmp_path / "sim.h5ad"), genes="all"), config(1))
    assert ended(jobs, id).state == "done"
    assert jobs.status(id).log[0].startswith("Found 5 cells")


def test_each_device_has_its_own_fit(serve: Callable[..., Jobs]) -> None:
    device = jax.devices()[0]
    together = threading.Barrier(2, timeout=PATIENCE)
    seen: list[Any] = []

    def fit_iter(*arguments: Any, **keywords: Any) -> Iterator[Any]:
        together.wait()
        seen.append(jax.config.jax_default_device)
        yield make_progress(1, "converged")

    jobs = serve(fit_iter=fit_iter, devices=lambda: [device, device])
    ids = [submit(jobs, seed) for seed in (1, 2)]
    assert [ended(jobs, id).state for id in ids] == ["done", "done"]
    assert seen == [device, device]


def test_tasks_do_not_wait_for_fits(jobs: Jobs, fits: FakeFits) -> None:
    fit = submit(jobs, 1)
    fits.wait_for_pull(1, 1)

    def work(handle: JobHandle) -> str:
        handle.progress(0.5, "halfway")
        handle.log("a line")
        return "made"

    id = jobs.submit("UMAP", work)
    status = ended(jobs, id)
    assert (status.state, status.fraction, status.name) == ("done", 1.0, "UMAP")
    assert "a line" in status.log
    assert jobs.result(id) == "made"
    assert jobs.status(fit).state == "running"


def test_task_shows_its_progress(jobs: Jobs) -> None:
    shown, go_on = threading.Event(), threading.Event()

    def work(handle: JobHandle) -> None:
        handle.progress(0.5, "halfway")
        shown.set()
        assert go_on.wait(PATIENCE)

    id = jobs.submit("slow", work)
    assert shown.wait(PATIENCE)
    status = jobs.status(id)
    assert (status.state, status.fraction, status.phase) == ("running", 0.5, "halfway")
    go_on.set()
    assert ended(jobs, id).state == "done"


@pytest.mark.parametrize(
    ("wish", "state", "value"), [("stop", "stopped", 7), ("cancel", "cancelled", None)]
)
def test_task_is_told_to_stop(jobs: Jobs, wish: str, state: str, value: Any) -> None:
    begun, asked = threading.Event(), threading.Event()

    def work(handle: JobHandle) -> int:
        begun.set()
        assert asked.wait(PATIENCE)
        assert handle.stopping
        return 7

    id = jobs.submit("slow", work)
    assert begun.wait(PATIENCE)
    getattr(jobs, wish)(id)
    asked.set()
    assert ended(jobs, id).state == state
    assert jobs.result(id) == value


def test_task_can_be_deleted(jobs: Jobs) -> None:
    id = jobs.submit("quick", lambda handle: 1)
    ended(jobs, id)
    jobs.delete(id)
    assert jobs.list() == []
    with pytest.raises(JobError, match="deleted"):
        jobs.result(id)


def test_running_task_can_be_deleted(jobs: Jobs) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(handle: JobHandle) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    id = jobs.submit("slow", work)
    assert begun.wait(PATIENCE)
    jobs.delete(id)
    assert jobs.list() == []
    go_on.set()
    following = jobs.submit("next", lambda handle: None)
    assert ended(jobs, following).state == "done"
    assert [status.id for status in jobs.list()] == [following]


def test_old_tasks_are_forgotten(jobs: Jobs) -> None:
    ids = [jobs.submit("quick", lambda handle: 1) for _ in range(120)]
    ended(jobs, ids[-1])
    assert [status.id for status in jobs.list()] == ids[:-101:-1]


def test_a_closed_server_takes_no_more_work(jobs: Jobs) -> None:
    jobs.close()
    with pytest.raises(JobError, match="closing"):
        submit(jobs, 1)
    with pytest.raises(JobError, match="closing"):
        jobs.submit("task", lambda handle: None)
    assert jobs.list() == []


def test_close_ends_the_threads(jobs: Jobs, fits: FakeFits) -> None:
    before = set(threading.enumerate())
    fits.free = True
    ended(jobs, submit(jobs, 1))
    ended(jobs, jobs.submit("task", lambda handle: None))
    started = set(threading.enumerate()) - before
    assert len({thread.name for thread in started if thread.name.startswith("logratio-")}) >= 2
    jobs.close(PATIENCE)
    assert not any(thread.is_alive() for thread in started)


def test_revision_grows_with_each_change(jobs: Jobs, fits: FakeFits) -> None:
    id = submit(jobs, 1)
    revisions = []
    for pull in range(1, 5):
        fits.wait_for_pull(1, pull)
        revisions.append(jobs.status(id).revision)
        fits.allow(1, 1)
    revisions.append(ended(jobs, id).revision)
    assert revisions == sorted(set(revisions))
