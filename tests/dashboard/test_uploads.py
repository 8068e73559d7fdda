"""Uploads are listed for their owner, opened again, and deleted by a second press."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.browser import Browser
from dashboard.controls.uploads import UploadsControl
from dashboard.folders import Folders
from dashboard.state import AppState
from engine.errors import DataError
from engine.jobs import JobStatus


@pytest.fixture
def records() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def folders(tmp_path: Path, records: list[tuple[str, str]]) -> Folders:
    uploads = tmp_path / "uploads"
    (uploads / "ada-1").mkdir(parents=True)
    for age, name in enumerate(("b.h5ad", "<i>a.h5ad")):
        (uploads / name).write_bytes(b"counts" * 1000)
        os.utime(uploads / name, (1e9 + age, 1e9 + age))
    (uploads / ".0.part").write_bytes(b"begun")
    (uploads / "taken.h5ad").touch()
    return Folders(uploads, record=lambda did, what: records.append((did, what)))


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def control(
    state: AppState, folders: Folders, browser: Browser, opened: list[str]
) -> UploadsControl:
    return UploadsControl(state, folders, browser, opened.append)


def press(browser: Browser, act: str, name: str) -> None:
    browser._handle_msg({"act": f"upload-{act}", "value": name})


def test_uploads_are_listed_and_opened(
    control: UploadsControl, folders: Folders, browser: Browser, opened: list[str]
) -> None:
    assert [upload.name for upload in folders.uploaded()] == ["<i>a.h5ad", "b.h5ad"]
    shown = control._list.object
    assert shown.index("&lt;i&gt;a.h5ad") < shown.index("b.h5ad")
    assert "<i>" not in shown
    assert "6 kB" in shown
    assert control._rows.column.visible
    for name in ("b.h5ad", "../b.h5ad", ".0.part", "ada-1"):
        press(browser, "open", name)
    assert opened == [str(folders.uploads / "b.h5ad")]


def test_two_presses_delete_one(
    control: UploadsControl,
    folders: Folders,
    browser: Browser,
    state: AppState,
    records: list[tuple[str, str]],
) -> None:
    path = str(folders.uploads / "b.h5ad")
    state.runs = [
        JobStatus(id=str(i), name="r", kind="fit", state="done", created=0.0, request=request)
        for i, request in enumerate(({"source": path}, {"source": path}, {"source": "demo"}))
    ]
    press(browser, "delete", "b.h5ad")
    assert "data of 2 runs; press Delete again" in control._list.object
    press(browser, "delete", "<i>a.h5ad")
    press(browser, "delete", "b.h5ad")
    assert len(folders.uploaded()) == 2
    press(browser, "delete", "b.h5ad")
    assert [upload.name for upload in folders.uploaded()] == ["<i>a.h5ad"]
    assert records == [("deleted", path)]
    press(browser, "delete", "<i>a.h5ad")
    press(browser, "delete", "<i>a.h5ad")
    assert not control._rows.column.visible


@pytest.mark.parametrize("name", ["", ".", "..", "ada-1", ".0.part", "../runs", "none.h5ad"])
def test_nothing_else_is_deleted(folders: Folders, name: str) -> None:
    with pytest.raises(DataError):
        folders.remove(name)
    assert len(list(folders.uploads.iterdir())) == 5
