from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import panel_material_ui as pmui
import pytest

from dashboard.browser import Browser
from dashboard.controls.run_list import RunsControl, row, secondary
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.jobs import JobStatus
from tests.dashboard.synthetic import Steps
from tests.dashboard.widgets import shown

Until = Callable[[Callable[[], object]], None]


def job(**changes: Any) -> JobStatus:
    values: dict[str, Any] = {"id": "1", "name": "run", "kind": "fit", "state": "running"}
    return JobStatus(**{**values, "created": 0.0, **changes})


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def control(state: AppState, runner: Runner, browser: Browser) -> RunsControl:
    return RunsControl(state, runner, browser)


@pytest.fixture
def run(
    control: RunsControl,
    state: AppState,
    runner: Runner,
    steps: Steps,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A state that shows a finished run."""
    # No test waits for the time between two looks at the list.
    monkeypatch.setattr("dashboard.runner.LIST_SECONDS", 0.05)
    steps.go_on.set()
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.runs and state.runs[0].state == "done")
    return state.run


def test_a_run_by_nuts_tells_how_well_its_chains_agree() -> None:
    judged = "NUTS: worst R-hat 1.030, least ESS 420, 2 divergences"
    message = f"all draws are made; {judged}; warning: trajectories diverged"
    shown = secondary(job(state="done", message=message))
    assert judged in shown
    assert shown.endswith("warning")
    assert "NUTS" not in secondary(job(message=message))


def press(browser: Browser, act: str, run: str) -> None:
    browser._handle_msg({"act": f"run-{act}", "value": run})


def test_a_press_opens(control: RunsControl, state: AppState, browser: Browser, run: str) -> None:
    assert 'aria-current="true"' in control._list.object
    state.show_run(None)
    assert "aria-current" not in control._list.object
    press(browser, "open", run)
    assert state.run == run


def test_the_second_press_deletes(
    control: RunsControl, state: AppState, browser: Browser, run: str
) -> None:
    press(browser, "delete", run)
    assert state.runs
    assert "again" in control._list.object
    press(browser, "delete", run)
    assert state.runs == []
    assert "Fits are kept here" in control._list.object


def test_anything_else_in_between_spares_it(
    control: RunsControl, state: AppState, browser: Browser, run: str
) -> None:
    press(browser, "delete", run)
    press(browser, "open", run)
    assert "again" not in control._list.object
    press(browser, "delete", run)
    assert state.runs


def test_rename(control: RunsControl, state: AppState, browser: Browser, run: str) -> None:
    assert not shown(control, pmui.TextInput)
    press(browser, "rename", run)
    (field,) = shown(control, pmui.TextInput)
    assert field.value == state.runs[0].name
    field.value = " <b>mine</b> "
    field.param.trigger("enter_pressed")
    assert state.runs[0].name == "<b>mine</b>"
    assert "<b>mine" not in control._list.object
    assert not shown(control, pmui.TextInput)
    press(browser, "rename", run)
    press(browser, "rename", run)
    assert not shown(control, pmui.TextInput)


def test_an_unknown_run_does_nothing(
    control: RunsControl, state: AppState, browser: Browser, run: str
) -> None:
    for act in ("open", "delete", "rename", "save", "resume"):
        press(browser, act, "../../x")
    assert (state.run, state.run_error) == (run, None)


def acts(**changes: Any) -> list[str]:
    return re.findall(r'data-act="run-(\w+)"', row(job(**changes), False, False))


def test_only_what_can_be_done_is_offered() -> None:
    assert acts(state="queued") == ["open", "rename", "delete"]
    assert acts(state="interrupted", passes=3) == ["open", "resume", "rename", "save", "delete"]
    assert acts(state="done", passes=3) == ["open", "rename", "save", "delete"]


def test_every_button_is_named() -> None:
    buttons = re.findall(r"<button[^>]*>", row(job(state="failed", passes=1), True, True))
    assert len(buttons) == 5
    assert all("aria-label" in tag for tag in buttons[1:])


def test_the_list_stays_as_it_is_while_a_run_goes_on() -> None:
    early, late = (job(passes=p, log_marginal_per_cell=-p) for p in (2, 3))
    assert row(early, True, False) == row(late, True, False)
