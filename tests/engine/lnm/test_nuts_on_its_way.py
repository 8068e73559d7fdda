"""A fit by NUTS on its way: its phases, what it has when stopped, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import engine
from engine.data import Counts
from engine.lnm.config import FEWEST_DRAWS
from engine.lnm.nuts import start
from engine.results import Fit
from tests.engine.problems import counts_of

pytestmark = pytest.mark.fit

# Far too short to be believed: for what becomes of a fit on its way.
BRIEF = engine.LNMConfig(
    n_factors=1, d_mode="low_rank", inference="nuts", n_warmup=25, n_draws=60, n_chains=2, seed=1
)


@pytest.fixture(scope="module")
def few() -> Counts:
    rng = np.random.default_rng(2)
    return counts_of(rng.poisson([9, 4, 6, 20], (30, 4)))


@pytest.fixture(scope="module")
def on_its_way(few: Counts) -> list[engine.Progress]:
    return list(engine.fit_iter(few, BRIEF))


def test_there_is_a_fit_once_there_are_draws_enough(on_its_way: list[engine.Progress]) -> None:
    phases = [progress.phase for progress in on_its_way]
    assert any(phase.startswith("Laplace fit") for phase in phases)
    assert phases.index("warming up") < phases.index("drawing") < phases.index("finishing")
    for progress in on_its_way:
        if progress.status.passes < BRIEF.n_warmup + FEWEST_DRAWS:
            assert progress.snapshot is None
    last = on_its_way[-1]
    assert last.status.passes == BRIEF.n_warmup + BRIEF.n_draws
    assert last.fraction == 1
    fractions = [progress.fraction for progress in on_its_way]
    assert all(before <= after for before, after in pairwise(fractions))


def test_stopped_it_keeps_the_draws_so_far(on_its_way: list[engine.Progress]) -> None:
    running = [p for p in on_its_way if p.snapshot is not None and p.fraction < 1]
    assert running
    build = running[0].snapshot
    assert build is not None
    fit = build()
    assert isinstance(fit, Fit)
    assert fit.diagnostics["draws"] == FEWEST_DRAWS
    assert fit.status.state == "running"
    assert "NUTS: worst R-hat" in fit.status.reason
    assert np.isfinite(fit.scores).all()
    assert (fit.noise == 0).all()
    assert "log d" not in fit.diagnostics["quantities"]


def test_chains_cannot_be_gone_on_with(few: Counts, on_its_way: list[engine.Progress]) -> None:
    build = on_its_way[-1].snapshot
    assert build is not None
    with pytest.raises(engine.ConfigError, match="whose chains are not kept"):
        next(engine.fit_iter(few, BRIEF, start=build()))


def test_too_little_time_is_told(few: Counts) -> None:
    with pytest.raises(engine.FitError, match="25 iterations of warm-up and at least 50"):
        list(engine.fit_iter(few, replace(BRIEF, max_seconds=0.01)))


def test_large_data_are_refused() -> None:
    rng = np.random.default_rng(0)
    large = counts_of(rng.poisson(2.0, (start.MOST_COUNTS // 50 + 1, 50)))
    with pytest.raises(engine.ConfigError, match="at most 100,000 counts") as error:
        engine.fit(large, BRIEF)
    assert "2,001 cells x 50 genes" in str(error.value)
    assert "inference='laplace'" in str(error.value)
