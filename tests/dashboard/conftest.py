from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import panel as pn
import pytest

from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from engine.data import Counts, DataRequest
from engine.jobs import Jobs
from tests.dashboard.synthetic import Steps, make_counts, scripted_fits
from tests.waiting import wait_for


@pytest.fixture(autouse=True)
def _clean_panel() -> Iterator[None]:
    yield
    pn.state.reset()


@pytest.fixture
def steps() -> Steps:
    """Lets the scripted fits go on, pass by pass."""
    return Steps()


@pytest.fixture
def services(tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Real jobs whose fits are scripted, and a reader that knows only made-up counts."""

    def load(request: DataRequest) -> Counts:
        if "missing" in request.source:
            raise FileNotFoundError(request.source)
        return make_counts()

    monkeypatch.setattr(DataRequest, "load", load)
    monkeypatch.setattr("dashboard.reader.inspect_source", lambda *_: None)
    monkeypatch.setattr(
        "dashboard.embedding.umap_coordinates", lambda scores, *_: scores[:, :2] + 100
    )
    jobs = Jobs(tmp_path / "runs", fit_iter=scripted_fits(steps), devices=lambda: [None])
    yield Services(jobs)
    steps.go_on.set()
    jobs.close()


@pytest.fixture
def state() -> AppState:
    return AppState(source="demo", n_factors=3)


@pytest.fixture
def runner(state: AppState, services: Services) -> Runner:
    return Runner(state, services)


@pytest.fixture
def until(runner: Runner) -> Callable[[Callable[[], object]], None]:
    """Ticks the runner until a condition holds."""

    def wait(condition: Callable[[], object]) -> None:
        wait_for(condition, meanwhile=runner.tick)

    return wait


@pytest.fixture(scope="session")
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
