from __future__ import annotations

import json
import math
import subprocess
import sys

import anndata as ad
import pytest

from engine.jobs import JobError, Jobs
from engine.results import load
from tests.conftest import ROOT
from tests.engine.jobs.fakes import (
    CELLS,
    REQUEST,
    FakeFits,
    Serve,
    close_at_a_step,
    config,
    ended,
    folder,
    settle,
    submit,
)


def test_runs_are_listed_by_the_next_server(serve: Serve, fits: FakeFits) -> None:
    fits.free = True
    first = serve()
    ids = [submit(first, seed) for seed in (1, 2)]
    before = [ended(first, id) for id in ids]
    fit = first.result(ids[0])
    first.close()
    second = serve()
    assert second.list() == before[::-1]
    again = second.result(ids[0])
    assert again.status == fit.status
    assert again.config == config(1)
    assert list(again.obs["label"]) == list("aabbb")
    assert second.result(ids[0]) is again


def test_a_run_is_kept_as_json_and_h5ad(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    id = submit(jobs, 5)
    ended(jobs, id)
    assert sorted(path.name for path in folder(jobs, id).iterdir()) == [
        "fit.h5ad",
        "lock",
        "run.json",
        "status.json",
    ]
    run = json.loads((folder(jobs, id) / "run.json").read_text())
    assert run["request"] == REQUEST.to_dict()
    assert run["config"]["seed"] == 5
    data = ad.read_h5ad(folder(jobs, id) / "fit.h5ad")
    assert data.obs_names.tolist() == CELLS
    assert data.X.sum() == 210


def test_checkpoint_is_written_at_the_first_pass_then_rarely(jobs: Jobs, fits: FakeFits) -> None:
    id = submit(jobs, 1)
    fits.allow(1, 1)
    fits.wait_for_pull(1, 2)
    checkpoint = folder(jobs, id) / "checkpoint.h5ad"
    assert not checkpoint.exists()
    fits.allow(1, 2)
    fits.wait_for_pull(1, 4)
    assert load(checkpoint).status.passes == 1
    assert not (folder(jobs, id) / "fit.h5ad").exists()


def test_checkpoints_follow_the_interval(
    serve: Serve, fits: FakeFits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.jobs.fits._CHECKPOINT_SHARE", math.inf)
    jobs = serve(checkpoint_every=0.0)
    id = submit(jobs, 1)
    fits.allow(1, 3)
    fits.wait_for_pull(1, 4)
    assert load(folder(jobs, id) / "checkpoint.h5ad").status.passes == 2
    assert json.loads((folder(jobs, id) / "status.json").read_text())["passes"] == 2


def test_close_interrupts_and_resume_goes_on(serve: Serve, fits: FakeFits) -> None:
    first = serve()
    running, queued = submit(first, 1), submit(first, 2)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)
    first.close(timeout=0.0)
    # Still computing, so still its own, and not to be resumed by others.
    second = serve()
    assert second.status(queued).state == "interrupted"
    assert second.status(running).state == "running"
    fits.allow(1, 1)
    assert ended(second, running).state == "interrupted"
    settle(first)
    assert second.status(running).message.endswith("Resume it to go on from pass 2.")
    assert second.result(running).status.passes == 2
    assert second.status(queued).message.endswith("before it began. Resume it to begin again.")

    for id in (queued, running):
        second.resume(id)
    fits.allow(1)
    fits.allow(2)
    assert ended(second, queued).state == ended(second, running).state == "done"
    assert fits.begun == [1, 2, 1]
    assert fits.starts == [None, None, 2]


@pytest.mark.slow
def test_killed_server_leaves_interrupted_runs_that_resume(serve: Serve, fits: FakeFits) -> None:
    jobs = serve()
    command = [sys.executable, "-m", "tests.engine.jobs.server", str(jobs.home)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        running, queued = server.stdout.readline().split()
        try:
            # A living server's runs are its own.
            assert jobs.status(running).state == "running"
            assert jobs.status(queued).state == "queued"
            assert jobs.result(running).status.passes == 1
            for call in (jobs.stop, jobs.cancel, jobs.resume, jobs.delete):
                with pytest.raises(JobError, match="another server"):
                    call(running)
        finally:
            server.kill()
    assert jobs.status(running).state == "interrupted"
    assert jobs.status(queued).state == "interrupted"

    half_written = folder(jobs, running) / ".checkpoint.h5ad.0123.part"
    half_written.write_bytes(b"half")
    for id in (running, queued):
        jobs.resume(id)
    fits.allow(1)
    fits.allow(2)
    assert ended(jobs, running).state == ended(jobs, queued).state == "done"
    assert fits.starts == [1, None]
    assert [value for _, value in jobs.status(running).trace] == [-10.0, -5.0, -10.0 / 3]
    assert not half_written.exists()


def test_resume_without_a_usable_checkpoint_begins_again(serve: Serve, fits: FakeFits) -> None:
    first = serve()
    id = submit(first, 1)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)
    close_at_a_step(first, fits, 1)
    (folder(first, id) / "checkpoint.h5ad").write_bytes(b"damaged")
    second = serve()
    second.resume(id)
    fits.allow(1)
    status = ended(second, id)
    assert status.state == "done"
    assert fits.starts == [None, None]
    assert any("checkpoint.h5ad cannot be used" in line for line in status.log)


def test_resume_refuses_counts_that_have_changed(serve: Serve, fits: FakeFits) -> None:
    first = serve()
    id = submit(first, 1)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)
    close_at_a_step(first, fits, 1)
    make = first.result(id)
    make.data["fingerprint"] = "of other counts"
    make.save(folder(first, id) / "checkpoint.h5ad")
    second = serve()
    second.resume(id)
    status = ended(second, id)
    assert status.state == "failed"
    assert "has changed since" in status.message


def test_servers_that_share_a_home_see_each_others_changes(serve: Serve, fits: FakeFits) -> None:
    one, other = serve(), serve()
    id = submit(one, 1)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)
    assert other.status(id).state == "running"
    assert [status.id for status in other.list()] == [id]
    other.rename(id, "named elsewhere")
    fits.allow(1)
    ended(one, id)
    assert ended(other, id).state == "done"
    assert one.status(id).name == "named elsewhere"
    assert other.result(id).status.state == "converged"
    other.delete(id)
    assert one.list() == []
    with pytest.raises(JobError, match="deleted"):
        one.result(id)


def test_two_servers_resume_one_run_once(serve: Serve, fits: FakeFits) -> None:
    first = serve()
    id = submit(first, 1)
    fits.wait_for_pull(1, 1)
    close_at_a_step(first, fits, 1)
    one, other = serve(), serve()
    one.resume(id)
    with pytest.raises(JobError, match="another server"):
        other.resume(id)
    fits.allow(1)
    assert ended(one, id).state == "done"
    assert fits.begun == [1, 1]
