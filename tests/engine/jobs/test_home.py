"""A home with leftovers, and one that goes away, fills up or cannot be written while serving."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import pytest

from engine.jobs import JobError, Jobs
from engine.jobs import store as stores
from engine.jobs.job_status import JobStatus
from engine.jobs.store import RunStore
from tests.engine.jobs.fakes import FakeFits, ended, folder, submit
from tests.waiting import wait_for

DAY = 86400.0


def put(path: Path, content: bytes = b"half") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_leftovers_go_within_a_day_and_nothing_else(home: Path) -> None:
    store = RunStore(home)
    status = JobStatus.new("fit", "kept")
    store.create(status).release()
    run = store.path(status.id)
    left = [
        put(run / ".fit.h5ad.0.part"),
        put(run / "selections" / ".0.part"),
        put(home / "sweeps" / ".s.json.0.part"),
        put(home / "uploads" / ".0.part"),
        put(home / "uploads" / "ada-0" / ".1.part"),
        put(home / "uploads" / "ada-0" / "taken.h5ad", b""),
        put(home / "viewers" / "bob-0" / "run" / "selections" / ".2.part"),
        put(home / "uploads" / "taken.h5ad", b""),
    ]
    kept = [
        put(run / "fit.h5ad"),
        put(run / "selections" / "0.npz"),
        put(home / "sweeps" / "s.json"),
        put(home / "uploads" / "cells.h5ad"),
        put(home / "uploads" / "ada-0" / "cells.h5ad"),
    ]
    # One that is written this moment may be somebody's.
    assert store.clean() == 0
    assert store.clean(now=time.time() + DAY) == len(left)
    assert not [path for path in left if path.exists()]
    assert all(path.exists() for path in kept)
    assert store.read(status.id) == status.interrupted()


def test_a_server_that_starts_finds_no_run_half_made_or_half_deleted(home: Path) -> None:
    store = RunStore(home)
    put(store.runs / ".new-1" / "run.json")
    put(store.runs / ".new-2" / "lock")
    put(store.runs / ".deleted-3" / "fit.h5ad")
    RunStore(home)
    assert list(store.runs.iterdir()) == []


def test_a_run_that_another_server_is_making_stays(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, write, seen = RunStore(home), stores.write_json, []

    def look(path: Path, values: dict[str, object]) -> None:
        seen.append(RunStore(home).clean(now=time.time() + DAY))
        write(path, values)

    monkeypatch.setattr(stores, "write_json", look)
    status = JobStatus.new("fit", "made")
    store.create(status)
    assert seen == [0, 0]
    assert store.ids() == [status.id]


class TestGone:
    def test_a_run_that_works_ends_with_all_it_made(self, jobs: Jobs, fits: FakeFits) -> None:
        id = submit(jobs, 1)
        fits.allow(1, 2)
        fits.wait_for_pull(1, 3)
        shutil.rmtree(jobs.home)
        assert [status.id for status in jobs.list()] == [id]
        assert jobs.trouble is not None
        assert str(jobs.home) in jobs.trouble.expected
        fits.allow(1)
        assert ended(jobs, id).state == "done"
        assert jobs.result(id).status.passes == 3
        assert [status.id for status in Jobs(jobs.home).list()] == [id]
        assert jobs.list()
        assert jobs.trouble is None

    def test_the_queue_goes_on(self, jobs: Jobs, fits: FakeFits) -> None:
        shutil.rmtree(jobs.home)
        fits.free = True
        assert ended(jobs, submit(jobs, 1)).state == "done"

    def test_what_was_kept_is_missed_in_words(self, jobs: Jobs, fits: FakeFits) -> None:
        fits.free = True
        id = submit(jobs, 1)
        ended(jobs, id)
        shutil.rmtree(jobs.home)
        for act in (jobs.resume, jobs.delete, jobs.folder, lambda id: jobs.rename(id, "x")):
            with pytest.raises(JobError):
                act(id)


@pytest.fixture(params=[errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
def no_room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """From its call on nothing can be written; what the system says of it."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    def begin() -> str:
        for target, name in (
            (Path, "write_text"),
            (Path, "write_bytes"),
            (Path, "mkdir"),
            (ad.AnnData, "write_h5ad"),
        ):
            monkeypatch.setattr(target, name, fail)
        return os.strerror(request.param)

    return begin


class TestNoRoom:
    def test_a_new_run_is_refused_in_words(self, jobs: Jobs, no_room: Callable[[], str]) -> None:
        with pytest.raises(JobError, match=no_room()):
            submit(jobs, 1)

    @pytest.mark.parametrize("pulls", [0, 2])
    def test_a_run_ends_in_words_and_keeps_its_fit(
        self,
        jobs: Jobs,
        fits: FakeFits,
        no_room: Callable[[], str],
        caplog: pytest.LogCaptureFixture,
        pulls: int,
    ) -> None:
        ids = [submit(jobs, 1), submit(jobs, 2)]
        if pulls:
            fits.allow(1, pulls)
            fits.wait_for_pull(1, pulls + 1)
        told = no_room()
        for seed in (1, 2):
            fits.allow(seed)
        for id in ids:
            wait_for(lambda id=id: not jobs.status(id).active)
            status = jobs.status(id)
            assert status.state == "failed"
            assert told in status.message
            assert "Unexpected" not in status.message
        if pulls:
            assert jobs.result(ids[0]).status.passes == 3
        assert not [record for record in caplog.records if record.exc_info]
        assert "Traceback" not in caplog.text

    def test_names_and_labels_are_refused_in_words(
        self, jobs: Jobs, fits: FakeFits, no_room: Callable[[], str]
    ) -> None:
        fits.free = True
        id = submit(jobs, 1)
        ended(jobs, id)
        told = no_room()
        for act in (lambda: jobs.rename(id, "x"), lambda: jobs.name_factors(id, ["y"], 3)):
            with pytest.raises(JobError, match=told):
                act()
        assert jobs.result(id).status.passes == 3
        assert folder(jobs, id).is_dir()


def test_locks_of_a_disk_that_cannot_be_written_are_looked_at(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(home)
    status = JobStatus.new("fit", "left")
    store.create(status).release()
    opened = os.open

    def refuse(path: Path, flags: int, *more: int) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *more)

    monkeypatch.setattr("os.open", refuse)
    assert store.read(status.id) == status.interrupted()
