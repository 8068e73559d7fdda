"""The run B of the Compare tab in the address of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboard.address import Address
from dashboard.browser import Browser
from dashboard.link import read
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from tests.dashboard.synthetic import make_fit
from tests.runs import save_runs

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def ids(services: Services) -> list[str]:
    fits = [make_fit(cells=30, genes=20, factors=3, seed=k) for k in range(4)]
    return save_runs(services.jobs.home, [("run", fit, None) for fit in fits])


@pytest.fixture
def address(state: AppState, runner: Runner) -> tuple[Address, list[str]]:
    written: list[str] = []
    browser = Browser()
    browser.show_address = lambda search, replace: written.append(search)  # type: ignore
    return Address(state, runner, browser), written


@pytest.mark.parametrize(
    ("tab", "key", "name"), [("compare", "with", "other"), ("groups", "against", "against")]
)
def test_the_other_run_comes_back(
    address: Any, state: AppState, ids: list[str], until: Until, tab: str, key: str, name: str
) -> None:
    search = f"?run={ids[3]}&tab={tab}&{key}={ids[0]}"
    address[0].restore(search)
    until(lambda: state.fit is not None and bool(getattr(state, name)))
    assert (state.tab, getattr(state, name), state.run_error) == (tab, ids[0], None)
    address[0].arrive("")
    assert address[1][-1] == f"{search}&n_factors=3", "the form has its place too"


def test_a_stale_one_is_told(address: Any, state: AppState, ids: list[str], until: Until) -> None:
    address[0].restore(f"?run={ids[3]}&tab=compare&with=gone&against=gone")
    until(lambda: state.fit is not None)
    assert (state.other, state.against) == (None, "")
    assert state.run_error is not None
    assert "run 'gone' to compare with" in state.run_error.got


def test_it_is_not_to_be_trusted() -> None:
    assert read("?with=../../x")[1] == ["with '../../x'"]
