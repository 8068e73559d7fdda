"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from engine.files.atomic import atomic_write
from engine.jobs.job_status import JobStatus
from engine.jobs.leftovers import HOUR
from engine.jobs.store import RunStore

OLD, NEW = b"old", b"new content"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "kept.npz"
    path.write_bytes(OLD)
    return path


def test_the_old_content_stays_until_the_new_is_complete(path: Path) -> None:
    with atomic_write(path) as temporary:
        temporary.write_bytes(NEW)
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_has_the_permissions_that_files_usually_get(path: Path) -> None:
    with atomic_write(path.with_name("new")) as temporary:
        temporary.write_bytes(NEW)
    assert path.with_name("new").stat().st_mode == path.stat().st_mode


@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt(), ValueError("NaN")])
def test_a_failure_leaves_the_old_content_and_nothing_else(
    path: Path, error: BaseException
) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_bytes(NEW[:3])
        raise error

    with pytest.raises(type(error)) as raised, atomic_write(path) as temporary:
        fail(temporary)
    assert raised.value is error
    assert path.read_bytes() == OLD
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_before_anything_is_written_is_the_one_reported(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "kept.npz"
    with pytest.raises(FileNotFoundError, match=r"\.part"), atomic_write(path) as temporary:
        temporary.write_bytes(NEW)
    assert not path.parent.exists()


def test_a_target_that_cannot_be_replaced_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(IsADirectoryError), atomic_write(path) as temporary:
        temporary.write_bytes(NEW)
    assert list(tmp_path.iterdir()) == [path]


def test_two_at_once_do_not_share_a_temporary_file(path: Path) -> None:
    with atomic_write(path) as first, atomic_write(path) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "place", ["runs/{id}/fit.h5ad", "runs/{id}/selections/0.npz", "sweeps/s.json"]
)
def test_what_a_killed_server_was_writing_is_removed_later(tmp_path: Path, place: str) -> None:
    store = RunStore(tmp_path)
    status = JobStatus.new("fit", "kept")
    store.create(status).release()
    path = tmp_path / place.format(id=status.id)
    path.parent.mkdir(exist_ok=True)
    # Never left, as by a process that was killed; kept here, for what Python drops it would end.
    writing = atomic_write(path)
    writing.__enter__().write_bytes(NEW)
    assert store.clean() == 0
    assert store.clean(now=time.time() + 2 * HOUR) == 1
    assert not [name for name in os.listdir(path.parent) if name.endswith(".part")]
    del writing
