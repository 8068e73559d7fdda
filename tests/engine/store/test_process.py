"""The process that reads: what it hands back, and what it does not take down with it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from engine.data import ChoiceNeeded, Counts, DataRequest
from engine.errors import ConfigError, DataError
from engine.store import layout, worker
from engine.store.limits import Limits
from engine.store.process import ReaderProcess, Usage, check
from tests.engine.store.conftest import Asked
from tests.waiting import wait_for

LIMITS = Limits(memory=2 * 10**9, processor=30.0, wall=60.0)


@pytest.fixture
def named(source: Path) -> Callable[[str], DataRequest]:
    """A request for the same counts under a name of which the reader makes something."""

    def rename(name: str) -> DataRequest:
        path = source.with_name(f"{name}.h5ad")
        path.write_bytes(source.read_bytes())
        return DataRequest(str(path))

    return rename


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "read"
    place.mkdir()
    return place


@pytest.mark.slow
def test_counts_are_those_of_this_process(
    process: ReaderProcess,
    request_of: Callable[..., DataRequest],
    folder: Path,
    same: Callable[[Counts, Counts], None],
) -> None:
    usage = process.read(request_of(), folder)
    same(layout.read(folder)[0], request_of().load())
    assert usage.status == 0
    assert 50e6 < usage.peak < 1e9


def test_refusals_come_back_as_they_are(
    process: ReaderProcess, source: Path, tmp_path: Path, folder: Path
) -> None:
    fractions = ad.read_h5ad(source)
    del fractions.layers["counts"]
    fractions.X = fractions.X * np.float32(0.93)
    fractions.write_h5ad(tmp_path / "corrected.h5ad")
    for request, kind in (
        (DataRequest(str(tmp_path / "none.h5ad")), DataError),
        (DataRequest(str(source), genes=("NOBODY",)), ConfigError),
        (DataRequest(str(tmp_path / "corrected.h5ad")), ChoiceNeeded),
    ):
        with pytest.raises(DataError if kind is not ConfigError else Exception) as here:
            request.load()
        with pytest.raises(type(here.value)) as there:
            process.read(request, folder)
        assert str(there.value) == str(here.value)
        assert getattr(there.value, "offer", None) == getattr(here.value, "offer", None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "limits", "words"),
    [
        ("crashes", LIMITS, r"crashes the library that reads it \(signal 11\)"),
        ("works", replace(LIMITS, processor=1.0), "still being read after 1 s of work"),
        ("sleeps", replace(LIMITS, wall=0.3), "still being read after 0 s"),
        ("eats", replace(LIMITS, memory=3 * 10**8), "memory ran out"),
        ("raises", LIMITS, "KeyError"),
    ],
)
def test_what_a_file_may_do_ends_in_words(
    process: ReaderProcess,
    named: Callable[[str], DataRequest],
    folder: Path,
    name: str,
    limits: Limits,
    words: str,
) -> None:
    with pytest.raises(DataError, match=words) as told:
        process.read(named(name), folder, limits=limits)
    assert told.value.remedy


def test_work_is_not_told_by_the_clock(request_of: Asked, folder: Path) -> None:
    """The limit counts whole seconds, and ends a copy a little before the clock says so."""
    usage = Usage(-signal.SIGXCPU, 0, 15.1)
    with pytest.raises(DataError, match="still being read after 15 s of work"):
        check(request_of(), folder, usage, replace(LIMITS, processor=15.3))


def test_a_disk_so_full_that_nothing_is_told_is_not_the_fault_of_the_file(
    request_of: Asked, folder: Path
) -> None:
    (folder / "outcome.json").touch()
    with pytest.raises(DataError, match=r"Expected room.*LOGRATIO_HOME"):
        check(request_of(), folder, Usage(0, 0, 1.0), LIMITS)


def test_the_limits_of_the_system_are_not_exceeded() -> None:
    assert worker.processor_limits(20.7, resource.RLIM_INFINITY) == (20, 21)
    assert worker.processor_limits(0.1, 60) == (1, 2)
    assert worker.processor_limits(600.0, 60) == (60, 60)


@pytest.mark.parametrize("value", ["1e300", "1e18", "inf", "nan", "-1", "0", "much"])
def test_limits_that_are_nonsense_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    usual = Limits.of(10)
    monkeypatch.setenv("LOGRATIO_READER_GB", value)
    monkeypatch.setenv("LOGRATIO_READER_SECONDS", value)
    assert Limits.of(10) == usual


def test_one_that_hangs_holds_up_no_other_and_is_stopped(
    process: ReaderProcess,
    named: Callable[[str], DataRequest],
    request_of: Callable[..., DataRequest],
    tmp_path: Path,
) -> None:
    class Stopped(Exception):
        pass

    stop, ended = threading.Event(), threading.Event()

    def on_progress(_words: str, _share: float) -> None:
        if stop.is_set():
            raise Stopped

    def hang(place: Path) -> None:
        place.mkdir()
        with pytest.raises(Stopped):
            process.read(named("sleeps"), place, on_progress)
        ended.set()

    thread = threading.Thread(target=hang, args=(tmp_path / "one",))
    thread.start()
    (tmp_path / "other").mkdir()
    process.read(request_of(), tmp_path / "other")
    assert not ended.is_set()
    stop.set()
    thread.join(10)
    assert ended.is_set()
    wait_for(lambda: len(_children(process)) == 0)


@pytest.mark.slow
def test_it_is_started_again_if_it_was_ended(
    process: ReaderProcess,
    named: Callable[[str], DataRequest],
    request_of: Callable[..., DataRequest],
    tmp_path: Path,
) -> None:
    other = ReaderProcess("tests.engine.store.unruly")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    def kill(_words: str, _share: float) -> None:
        if _children(other):
            os.kill(_pid(other), signal.SIGKILL)

    try:
        with pytest.raises(DataError, match="the process that reads it has ended"):
            other.read(named("sleeps"), tmp_path / "one", kill)
        other.read(request_of(), tmp_path / "two")
    finally:
        other.close()


SERVER = """
import sys, threading
from pathlib import Path
from engine.data import DataRequest
from engine.store.process import ReaderProcess, Usage, check
process = ReaderProcess("tests.engine.store.unruly")
print(process.start(), process._process.pid, flush=True)
process.read(DataRequest(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a copy ends at its limits")
def test_nothing_outlives_a_killed_server(
    named: Callable[[str], DataRequest], folder: Path
) -> None:
    command = [sys.executable, "-c", SERVER, named("sleeps").source, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        reader = int(server.stdout.readline().split()[1])
        wait_for(lambda: _of(reader))
        (copy,) = _of(reader)
        server.kill()
    wait_for(lambda: not (_alive(reader) or _alive(copy)))


def _pid(process: ReaderProcess) -> int:
    assert process._process is not None
    return process._process.pid


def _children(process: ReaderProcess) -> list[int]:
    return _of(_pid(process))


def _of(parent: int) -> list[int]:
    try:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split()]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
