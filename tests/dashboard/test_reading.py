"""Slow reading of counts is followed and stopped; the open counts stay open meanwhile."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import panel as pn
import panel_material_ui as pmui
import pytest

from dashboard.browser import Browser
from dashboard.controls.data import DataControl
from dashboard.reader import Reader, in_this_process
from dashboard.runner import Runner
from dashboard.server_settings import Settings
from dashboard.services import Services
from dashboard.state import AppState
from engine.data import Counts, DataRequest, SourceInfo
from engine.data.reading_progress import Listener
from engine.errors import DataError
from engine.store import CountsStore
from tests.dashboard.synthetic import make_counts
from tests.dashboard.widgets import find


class Slow:
    """Reads at once, except sources called slow, which report progress until they are released."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.read: list[str] = []
        self.ended: list[str] = []

    def __call__(self, request: DataRequest, on_progress: Listener) -> tuple[Counts, SourceInfo]:
        self.read.append(request.source)
        try:
            while "slow" in request.source and not self.go.wait(0.01):
                on_progress("checking the counts", 0.25)
        except DataError:
            self.ended.append(request.source)
            raise
        if "bad" in request.source:
            raise DataError("counts", "none", "Choose another.")
        return make_counts(), SourceInfo("made", request.source, 1, 1, (), (), "X", "")


@pytest.fixture
def slow() -> Iterator[Slow]:
    reads = Slow()
    yield reads
    reads.go.set()


@pytest.fixture
def runner(state: AppState, services: Services, slow: Slow) -> Runner:
    services.reader = Reader(slow)
    return Runner(state, services)


@pytest.fixture
def control(runner: Runner, until: Callable[..., None]) -> DataControl:
    """Control of a page that has the demo open."""
    made = DataControl(runner.state, runner)
    runner.read()
    until(lambda: runner.state.ready)
    return made


def test_a_reading_is_followed_and_stopped(
    control: DataControl, state: AppState, until: Callable[..., None]
) -> None:
    counts, request = state.counts, state.request()
    state.source = "/data/slow.h5ad"
    until(lambda: state.how_far == ("checking the counts", 0.25))
    words = [pane.object for pane in control._panel.select(pn.pane.HTML)]
    assert any("Reading /data/slow.h5ad: checking the counts." in text for text in words)
    bar, stop = control._bar, find(control, pmui.Button, "Stop reading")
    assert (bar.variant, bar.value) == ("determinate", 25)
    stop.clicks += 1
    until(lambda: not state.reading)
    assert state.data_error.got == "that it was stopped"
    assert state.data_error.expected == "slow.h5ad read to its end"
    assert state.counts is counts
    assert state.request() == request
    assert state.ready
    assert not control._progress.column.visible


def test_what_is_asked_for_next_is_not_waited_for(
    control: DataControl, state: AppState, until: Callable[..., None], slow: Slow
) -> None:
    state.source = "/data/slow.h5ad"
    until(lambda: state.how_far[1] > 0)
    state.source = "/data/quick.h5ad"
    until(lambda: state.ready)
    assert state.loaded.source == "/data/quick.h5ad"
    assert not slow.go.is_set()
    assert state.data_error is None


def test_the_reading_of_an_upload_is_stopped_and_the_upload_stays(
    control: DataControl, state: AppState, until: Callable[..., None]
) -> None:
    upload = arrive(control, "slow.h5ad")
    until(lambda: state.how_far[1] > 0)
    words = [pane.object for pane in control._panel.select(pn.pane.HTML)]
    assert any("Reading the upload slow.h5ad: checking the counts." in text for text in words)
    stop = find(control, pmui.Button, "Stop reading")
    stop.clicks += 1
    stop.clicks += 1
    until(lambda: not state.reading)
    assert state.data_error.remedy == "Open it again to read it."
    assert upload.exists()
    assert state.ready
    assert state.source == "demo"


@pytest.mark.parametrize("second", ["demo", "/data/quick.h5ad", "an upload", "one of no kind"])
def test_what_is_asked_for_after_an_upload_is_not_replaced_by_it(
    control: DataControl,
    state: AppState,
    until: Callable[..., None],
    slow: Slow,
    second: str,
) -> None:
    upload = arrive(control, "slow.h5ad")
    until(lambda: state.how_far[1] > 0)
    (first,) = slow.read[1:]
    assert first == str(upload)
    if second == "an upload":
        second = str(arrive(control, "quick.h5ad"))
    elif second == "one of no kind":
        gone = arrive(control, "bad.h5ad")
        until(lambda: state.data_error is not None)
        assert state.data_error.remedy.endswith("The upload bad.h5ad was deleted.")
        assert not gone.exists()
        second = "demo"
    else:
        control._ask(second)
    until(lambda: state.ready)
    assert not control._progress.column.visible
    until(lambda: slow.ended == [first])
    for _ in range(3):
        control.runner.tick()
    assert (state.loaded.source, state.source) == (second, second)
    assert state.reading == ""
    assert upload.exists()


def test_a_fit_is_not_made_of_other_counts_than_it_was_asked_for(
    control: DataControl, state: AppState, until: Callable[..., None]
) -> None:
    runner = control.runner
    state.source = "/data/slow.h5ad"
    runner.fit()
    until(lambda: state.how_far[1] > 0)
    # Other genes of the same counts do not change that.
    state.genes = 100
    assert state.fit_requested
    control._ask("/data/quick.h5ad")
    until(lambda: state.ready)
    assert not state.fit_requested
    assert runner.services.jobs.list() == []


def test_an_upload_that_is_deleted_is_read_no_further(
    control: DataControl, state: AppState, until: Callable[..., None], slow: Slow
) -> None:
    browser = Browser()
    made = DataControl(state, control.runner, browser)
    upload = arrive(made, "slow.h5ad")
    until(lambda: state.how_far[1] > 0)
    for _ in range(2):
        browser._handle_msg({"act": "upload-delete", "value": upload.name})
    assert not upload.exists()
    assert state.data_error.got == "that it was deleted meanwhile"
    assert state.ready
    until(lambda: slow.ended)
    control.runner.tick()
    assert state.loaded.source == state.source == "demo"


def test_an_upload_that_takes_the_name_of_one_that_was_deleted_is_read_afresh(
    control: DataControl, state: AppState, until: Callable[..., None], slow: Slow
) -> None:
    upload = arrive(control, "quick.h5ad")
    until(lambda: state.ready)
    state.param.update(layer="other", round=True)
    until(lambda: state.ready)
    upload.unlink()
    slow.read.clear()
    arrive(control, "quick.h5ad")
    until(lambda: state.ready)
    assert (state.loaded.layer, state.loaded.round) == (None, False)
    assert str(upload) in slow.read
    assert control._path.value == ""


def arrive(control: DataControl, name: str) -> Path:
    """An upload has arrived."""
    uploads = control._folders.uploads
    uploads.mkdir(exist_ok=True)
    (uploads / name).write_bytes(b"much")
    control._arrived(uploads / name)
    return uploads / name


def test_what_is_at_hand_is_read_again_when_it_changed(tmp_path: Path) -> None:
    """A folder is read again if a file in it changed; a file, if its time differs."""
    reads: list[str] = []

    def read(request: DataRequest, _tell: Listener) -> tuple[Counts, SourceInfo]:
        reads.append(request.source)
        return make_counts(), SourceInfo("made", request.source, 1, 1, (), (), "X", "")

    reader = Reader(read)
    part, other = tmp_path / "folder" / "part", tmp_path / "other"
    part.parent.mkdir()
    part.write_text("some")
    for source in (part, part.parent):
        shutil.copy2(part, other)
        reads.clear()
        for change in (part.touch, int, lambda: shutil.copy2(other, part), part.unlink, int):
            change()
            reader.submit(DataRequest(str(source))).future.result()
        # Nothing is at hand of a missing file, but of an empty folder.
        assert len(reads) == (4 if source is part else 3), source
        part.write_text("more")


def test_a_server_reads_by_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the page nor a job opens a source in the server's process."""
    reads: list[str] = []

    def read(
        store: CountsStore, request: DataRequest, on_progress: object = None
    ) -> tuple[Counts, None]:
        reads.append(f"{store.folder.name} {request.source}")
        return make_counts(), None

    monkeypatch.setattr(CountsStore, "read", read)
    monkeypatch.setattr(CountsStore, "start", lambda store: None)
    monkeypatch.setattr(DataRequest, "load", lambda request: pytest.fail("read here"))
    services = Services.of(Settings(home=tmp_path, source="demo"))
    services.reader.submit(DataRequest("/a.h5ad")).future.result()
    assert services.jobs._read(DataRequest("/b.h5ad").to_dict()).n_cells == make_counts().n_cells
    services.jobs.close()
    assert reads == ["counts /a.h5ad", "counts /b.h5ad"]


def test_reading_here_tells_how_far_it_is() -> None:
    heard: list[str] = []
    in_this_process(DataRequest("demo"), lambda words, share: heard.append(words))
    assert {"checking the counts", "choosing the genes"} <= set(heard)
