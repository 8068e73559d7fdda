from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.jobs import Jobs
from tests.engine.jobs.fakes import FakeFits, load_counts


@pytest.fixture
def fits() -> FakeFits:
    return FakeFits()


@pytest.fixture
def serve(home: Path, fits: FakeFits) -> Iterator[Callable[..., Jobs]]:
    """Makes servers that share one home; all are closed in the end, whatever they wait for."""
    servers: list[Jobs] = []

    def start(**settings: Any) -> Jobs:
        settings = {"fit_iter": fits, "load_counts": load_counts, **settings}
        servers.append(Jobs(home, **settings))
        return servers[-1]

    yield start
    fits.free = True
    for seed in list(fits.pulls):
        fits.allow(seed)
    for server in servers:
        server.close()


@pytest.fixture
def jobs(serve: Callable[..., Jobs]) -> Jobs:
    return serve()
