from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from engine.errors import FitError
from engine.jobs import JobError, Jobs
from engine.jobs.file_cache import FileCache
from engine.results import load
from tests.engine.jobs.fakes import FakeFits, Serve, ended, folder, make_fit, submit
from tests.waiting import PATIENCE


@pytest.fixture
def run(jobs: Jobs, fits: FakeFits) -> str:
    fits.free = True
    id = submit(jobs, 1)
    ended(jobs, id)
    return id


def test_files_of_a_run(jobs: Jobs, run: str) -> None:
    assert jobs.folder(run) == folder(jobs, run)
    path = jobs.fit_file(run)
    assert path == folder(jobs, run) / "fit.h5ad"
    assert load(path).status.passes == jobs.status(run).passes


def test_files_while_it_runs_are_the_checkpoints(jobs: Jobs, fits: FakeFits) -> None:
    id = submit(jobs, 1)
    fits.allow(1, 1)
    fits.wait_for_pull(1, 2)
    assert jobs.folder(id).is_dir()
    assert jobs.fit_file(id) is None
    assert jobs.fit_counts(id) is None
    fits.allow(1, 2)
    fits.wait_for_pull(1, 4)
    assert jobs.fit_file(id) == folder(jobs, id) / "checkpoint.h5ad"
    assert jobs.fit_counts(id) is None


def test_counts_of_a_run_by_columns(serve: Serve, jobs: Jobs, run: str) -> None:
    counts = jobs.fit_counts(run)
    assert isinstance(counts, sparse.csc_matrix)
    np.testing.assert_array_equal(counts.toarray(), np.arange(1, 21).reshape(5, 4))
    assert jobs.fit_counts(run) is counts
    np.testing.assert_array_equal(serve().fit_counts(run).toarray(), counts.toarray())


def test_a_fit_without_counts(jobs: Jobs, run: str) -> None:
    make_fit(3).save(folder(jobs, run) / "fit.h5ad")
    assert jobs.fit_counts(run) is None


def test_a_damaged_file_of_counts(jobs: Jobs, run: str) -> None:
    (folder(jobs, run) / "fit.h5ad").write_bytes(b"damaged")
    with pytest.raises(FitError, match=r"fit\.h5ad"):
        jobs.fit_counts(run)


@pytest.mark.parametrize("id", ["none", "", "..", "../runs", "/etc", ".new-x"])
def test_what_is_no_run_has_no_files(jobs: Jobs, id: str) -> None:
    for ask in (jobs.folder, jobs.fit_file, jobs.fit_counts):
        with pytest.raises(JobError):
            ask(id)


def test_a_task_has_no_files(jobs: Jobs) -> None:
    id = jobs.submit("task", lambda _handle: 1)
    with pytest.raises(JobError):
        jobs.folder(id)


class TestKept:
    def test_the_last_two(self, tmp_path: Path) -> None:
        read: list[str] = []
        cache = FileCache(lambda path: read.append(path.name), size=2)
        paths = [tmp_path / name for name in "abc"]
        for path in paths:
            path.write_text("")
        for index in (0, 1, 0, 2, 0, 1):
            cache.read(paths[index])
        assert read == ["a", "b", "c", "b"]

    def test_a_replaced_file_is_read_again(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        cache = FileCache(Path.read_text, size=2)
        assert cache.read(path) is None
        path.write_text("old")
        assert cache.read(path) == "old"
        (tmp_path / "b").write_text("longer")
        (tmp_path / "b").rename(path)
        assert cache.read(path) == "longer"

    def test_asked_for_by_many_it_is_read_once(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("")
        reading, go_on, times = threading.Event(), threading.Event(), []

        def slowly(path: Path) -> object:
            times.append(path)
            reading.set()
            assert go_on.wait(PATIENCE)
            return object()

        cache = FileCache(slowly, size=2)
        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(cache.read, path) for _ in range(4)]
            assert reading.wait(PATIENCE)
            go_on.set()
            assert len({id(future.result(PATIENCE)) for future in found}) == 1
        assert len(times) == 1

    def test_a_failure_is_told_and_not_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("")
        answers = iter([FitError("one", "none", "try"), "value"])

        def fails_once(_path: Path) -> object:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        cache = FileCache(fails_once, size=2)
        with pytest.raises(FitError):
            cache.read(path)
        assert cache.read(path) == "value"
