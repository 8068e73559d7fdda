from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dashboard import saved_selections
from dashboard.address import follow
from dashboard.browser import Browser
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from tests.dashboard.synthetic import Steps

Until = Callable[[Callable[[], object]], None]


class Window(Browser):
    """A browser with a Back button."""

    def __init__(self, search: str = "") -> None:
        super().__init__()
        self.history = [search]

    @property
    def search(self) -> str:
        return self.history[-1]

    def show_address(self, search: str, *, replace: bool) -> None:
        if replace:
            self.history.pop()
        self.history.append(search)

    def load(self) -> None:
        self._handle_msg({"act": "address", "value": self.search})

    def back(self) -> None:
        self.history.pop()
        self.load()


class Opened:
    """A page of its own on the same server."""

    def __init__(self, services: Services, search: str) -> None:
        self.state = AppState(source="demo")
        self.runner = Runner(self.state, services)
        self.window = Window(search)
        follow(self.state, self.runner, self.window, search)
        self.window.load()

    def until(self, condition: Callable[[], object]) -> None:
        for _ in range(3000):
            if condition():
                return
            self.runner.tick()
            time.sleep(0.005)
        raise AssertionError("nothing happened")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change is a step of its own in the history, however quickly changes follow."""
    monkeypatch.setattr("dashboard.address.STEP_SECONDS", 0.0)


@pytest.fixture
def run(state: AppState, runner: Runner, steps: Steps, until: Until) -> str:
    steps.go_on.set()
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.status and state.status.state == "done" and state.fit)
    return state.run


def test_a_reload_brings_everything_back(services: Services, run: str, tmp_path: Path) -> None:
    first = Opened(services, f"?run={run}")
    first.until(lambda: first.state.fit)
    mask = np.arange(40) % 3 == 0
    first.state.choose_factor(1)
    first.state.choose_gene("GENE5")
    first.state.choose_pair("GENE1", "GENE2")
    first.state.select(mask)
    first.until(lambda: list((tmp_path / "runs").rglob(f"{saved_selections.name(mask)}.npz")))
    again = Opened(services, first.window.search)
    again.until(lambda: again.state.selected is not None)
    np.testing.assert_array_equal(again.state.selected, mask)
    for name in ("run", "tab", "factor", "marked", "pair", "colour", "heat", "detail"):
        assert getattr(again.state, name) == getattr(first.state, name), name
    assert again.state.run_error is None
    assert again.window.history == [first.window.search]


def test_back_undoes_a_step_and_forgets_nothing_else(services: Services, run: str) -> None:
    page = Opened(services, f"?run={run}")
    page.until(lambda: page.state.fit)
    page.state.choose_factor(2)
    page.state.choose_gene("GENE5")
    steps = len(page.window.history)
    page.window.back()
    assert (page.state.factor, page.state.marked) == (2, ())
    assert len(page.window.history) == steps - 1
    page.window.back()
    assert page.state.factor is None


def test_back_leaves_a_run(services: Services, run: str) -> None:
    page = Opened(services, "")
    assert page.window.history == [""]
    page.runner.open(run)
    page.until(lambda: page.state.fit)
    assert len(page.window.history) == 2
    page.window.back()
    assert (page.state.run, page.state.tab) == (None, "data")
    assert page.window.history == [""]


def test_a_run_that_is_gone_is_told_once(services: Services, run: str) -> None:
    page = Opened(services, "?run=20200101-000000-000000-abcdef&factor=2&tab=nothing")
    assert page.state.run is None
    error = page.state.run_error
    assert error.expected == "a run of this server"
    assert "20200101" in error.got
    assert "tab 'nothing'" in error.got
    assert "choose one under Runs" in error.remedy
    assert page.window.search == ""
    page.runner.open(run)
    page.until(lambda: page.state.fit)


def test_what_does_not_fit_is_told_and_the_rest_shown(services: Services, run: str) -> None:
    page = Opened(services, f"?run={run}&factor=9&gene=GENE1&gene=NO&cells={'0' * 16}&top=x")
    page.until(lambda: page.state.fit and page.state.marked)
    message = page.state.run_error.got
    for part in ("factor 9 of 3", "'NO'", "0000", "top 'x'"):
        assert part in message
    assert page.state.marked == ("GENE1",)
    assert page.window.search == f"?run={run}&tab=explore&gene=GENE1"


def test_without_a_run_the_one_that_goes_on_is_opened(
    services: Services, state: AppState, runner: Runner, until: Until, steps: Steps
) -> None:
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.fit)
    page = Opened(services, "")
    assert page.state.run == state.run
    page.until(lambda: page.state.fit)
    assert page.window.history == [f"?run={state.run}&tab=data"]


@pytest.mark.slow
def test_another_run_than_the_newest_can_be_linked_to(
    services: Services, state: AppState, runner: Runner, until: Until, run: str, steps: Steps
) -> None:
    steps.go_on.clear()
    runner.fit()
    until(lambda: state.run != run and state.fit)
    page = Opened(services, f"?run={run}")
    page.until(lambda: page.state.fit)
    assert page.state.run == run


def test_a_choice_elsewhere_ends_the_wait_for_the_fit(services: Services, run: str) -> None:
    page = Opened(services, f"?run={run}&factor=2")
    page.state.show_run(None)
    page.runner.open(run)
    page.until(lambda: page.state.fit)
    assert page.state.factor is None


def test_a_colour_by_counts_comes_with_the_counts(services: Services, run: str) -> None:
    page = Opened(services, f"?run={run}&gene=GENE1&colour=counts:GENE1")
    page.until(lambda: page.state.fit_counts is not None)
    assert page.state.colour == "counts:GENE1"
    assert page.state.run_error is None
    assert "colour=counts%3AGENE1" in page.window.search


def test_nothing_is_said_to_a_browser_that_is_not_there_yet(services: Services, run: str) -> None:
    state = AppState(source="demo")
    runner, window = Runner(state, services), Window(f"?run={run}")
    follow(state, runner, window, window.search)
    state.tab = "data"
    assert window.history == [f"?run={run}"]


def test_pages_keep_their_addresses_apart(services: Services, run: str) -> None:
    one, two = Opened(services, f"?run={run}"), Opened(services, f"?run={run}")
    for page in (one, two):
        page.until(lambda page=page: page.state.fit)
    one.state.choose_factor(1)
    one.state.select(np.arange(40) < 4)
    assert two.state.factor is None
    assert two.state.selected is None
    assert "factor" not in two.window.search


def test_a_reload_brings_the_form_back_and_a_step_back_leaves_it(
    services: Services, run: str
) -> None:
    page = Opened(services, f"?run={run}&tab=explore&n_factors=3&tolerance=0.01")
    page.until(lambda: page.state.fit)
    assert (page.state.n_factors, page.state.factor_tolerance) == (3, 0.01)
    page.state.choose_factor(1)
    steps = len(page.window.history)
    page.state.n_factors = 9
    assert len(page.window.history) == steps, "the form is no step"
    assert "n_factors=9" in page.window.search
    again = Opened(services, page.window.search)
    assert (again.state.n_factors, again.state.factor_tolerance) == (9, 0.01)
    page.window.back()
    assert page.state.factor is None
    assert page.state.n_factors == 9
    assert "n_factors=9" in page.window.search


def test_settings_of_an_address_that_cannot_be_are_told(services: Services) -> None:
    page = Opened(services, "?model=lda&n_topics=0&seed=5")
    assert (page.state.model, page.state.n_topics, page.state.seed) == ("lda", "auto", 5)
    notice = page.state.run_error
    assert notice is not None
    assert "from 1 to 500" in notice.got
    assert notice.expected
    assert notice.remedy
