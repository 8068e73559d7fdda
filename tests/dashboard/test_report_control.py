from __future__ import annotations

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import panel_material_ui as pmui
import pytest

from dashboard.controls.export_menu import ExportMenu
from dashboard.report.control import BUNDLE, FAILED, METHODS, NOT_COPIED, REPORT, ReportControl
from dashboard.report.figures import complete
from dashboard.state import AppState, Embedding
from tests.dashboard.synthetic import make_fit
from tests.dashboard.test_export import EXPORT, Saved
from tests.dashboard.widgets import shown
from tests.waiting import wait_for

ORDER = (REPORT, BUNDLE, METHODS)


class Copying(Saved):
    """A browser that also records what it is to copy."""

    def copy(self, text: str) -> None:
        self.copied = text


@pytest.fixture
def browser() -> Copying:
    return Copying()


@pytest.fixture
def control(state: AppState, browser: Copying, tmp_path: Path) -> ReportControl:
    jobs: Any = SimpleNamespace(
        folder=lambda run: tmp_path, status=lambda run: SimpleNamespace(passes=12)
    )
    return ReportControl(state, jobs, browser)


def press(control: ReportControl, what: str) -> None:
    control._button._handle_msg({"type": "click", "item": ORDER.index(what)})


def show(state: AppState) -> None:
    state.show_run("1")
    fit = make_fit(cells=30)
    state.show_fit(fit, embedding=Embedding(fit.scores[:, :2], "umap", "1 12"))
    state.names = ["my factor", *state.names[1:]]


def test_nothing_is_made_without_a_fit(control: ReportControl, state: AppState) -> None:
    assert control._button.disabled
    press(control, REPORT)
    assert control.note == ""
    show(state)
    assert not control._button.disabled


@pytest.mark.slow
def test_the_report_holds_what_the_views_show(
    control: ReportControl, state: AppState, browser: Copying
) -> None:
    ExportMenu(browser, lambda: EXPORT, state, name="details")
    ExportMenu(browser, lambda: None, state, name="cells")
    show(state)
    heard: list[str] = []
    control.param.watch(lambda event: heard.append(event.new), "note")
    press(control, REPORT)
    assert control._button.loading
    press(control, REPORT)
    wait_for(lambda: browser.files)
    ((name, media, content),) = browser.files
    assert name == "logratio_synthetic_report.html"
    assert media.startswith("text/html")
    text = content.decode()
    for words in ("Genes near CD3E", "my factor", "UMAP 1", "Gene correlations"):
        assert words in text
    assert heard[0] == "Collecting what the views show"
    assert any(words.startswith("Drawing 2 of 4: ") for words in heard)
    wait_for(lambda: not control._button.loading)
    assert (control.note, state.run_error) == ("", None)


@pytest.mark.slow
def test_figures_and_tables_come_as_a_zip(
    control: ReportControl, state: AppState, browser: Copying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.report.control.paced", lambda _doc, blocks: blocks)
    # one figure is enough for this test
    monkeypatch.setattr("dashboard.report.control.complete", lambda *of: complete(*of)[:1])
    show(state)
    press(control, BUNDLE)
    wait_for(lambda: browser.files)
    ((name, media, content),) = browser.files
    assert (name, media) == ("logratio_synthetic_figures.zip", "application/zip")
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert {"figures/01_cells.pdf", "README.txt", "methods.txt"} <= set(names)


def test_the_methods_text_can_be_copied(
    control: ReportControl, state: AppState, browser: Copying
) -> None:
    show(state)
    assert not shown(control, pmui.TextAreaInput)
    press(control, METHODS)
    wait_for(lambda: shown(control, pmui.TextAreaInput))
    assert control._text.value.startswith("Raw counts of 30 cells of synthetic")
    control._copy()
    assert browser.copied == control._text.value
    browser._handle_msg({"act": "copied", "value": "no"})
    assert control.note == NOT_COPIED
    state.show_run("2")
    assert not shown(control, pmui.TextAreaInput)
    assert control.note == ""


def test_errors_are_told(control: ReportControl, state: AppState) -> None:
    show(state)

    def fail() -> None:
        raise ValueError("no such view")

    state.exports["cells"] = fail
    press(control, REPORT)
    assert control.note == FAILED
    assert state.run_error is not None
    assert "no such view" in state.run_error.got
    assert not control._button.loading
    del state.exports["cells"]
    control.jobs = SimpleNamespace(folder=lambda run: {}[run])
    press(control, METHODS)
    wait_for(lambda: state.run_error is not None and "KeyError" in state.run_error.got)
    assert not control._button.loading
