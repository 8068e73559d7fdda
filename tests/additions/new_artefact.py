"""Run where runs have one more artefact, ``zeros``: jobs make and keep it, and the page follows it.

It is written in docs/contributing.md, and `test_additions` adds it.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn

from dashboard.browser import Browser
from dashboard.cards.data.tab import DataTab
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from engine.jobs import Jobs
from engine.lnm.config import LNMConfig
from tests.engine.jobs.fakes import (
    GENES,
    REQUEST,
    FakeFits,
    ended,
    folder,
    load_counts,
    make_counts,
)
from tests.waiting import wait_for

ZEROS = importlib.import_module("engine.jobs.zeros").ZEROS
EXPECTED = (make_counts().block(0, 5) == 0).mean(0)


def until(runner: Runner, holds: Callable[[], bool]) -> None:
    def turned() -> bool:
        runner.tick()
        return holds()

    wait_for(turned)


with tempfile.TemporaryDirectory() as name:
    jobs = Jobs(Path(name), fit_iter=FakeFits(free=True), load_counts=load_counts)
    one, other = (jobs.submit_fit(REQUEST, LNMConfig(n_factors=1, seed=j)) for j in (1, 2))
    assert {ended(jobs, run).state for run in (one, other)} == {"done"}
    assert ZEROS.read(jobs, one) is None
    job = ZEROS.submit(jobs, one)
    assert ended(jobs, job).state == "done", ended(jobs, job).message
    np.testing.assert_array_equal(ZEROS.read(jobs, one), EXPECTED)
    assert ZEROS.read(jobs, one, passes=99) is None

    services = Services(jobs)
    first, second = (Runner(AppState(), services) for _ in range(2))
    here, there = first.follow(ZEROS), second.follow(ZEROS)
    first.open(one)
    until(first, lambda: here.result is not None)
    for runner in (first, second):
        runner.open(other)
        until(runner, lambda runner=runner: runner.state.fit is not None)
    assert here.result is None
    told: list[str] = []
    here.param.watch(lambda event: told.append(event.new), "progress")
    here.start()
    # Where it was not asked for as well.
    for runner, follower in ((second, there), (first, here)):
        until(runner, lambda: (folder(jobs, other) / ZEROS.file).is_file())
        runner.open(other)
        until(runner, lambda follower=follower: follower.result is not None)
        np.testing.assert_array_equal(follower.result, EXPECTED)
    until(first, lambda: not here.progress)
    assert told[0] == "waiting"

    tab = DataTab(first.state, Browser(), first)
    card = tab["zeros"]

    def said() -> str:
        return " ".join(str(pane.object) for pane in card.__panel__().select(pn.pane.HTML))

    until(first, lambda: "Not worked out" not in said())
    export = card.offer()
    assert export is not None
    assert list(export.table().index) == list(pd.Series(EXPECTED, GENES).nlargest(30).index)
    export.draw()
    (folder(jobs, other) / ZEROS.file).unlink()
    first.open(other)
    until(first, lambda: "Not worked out" in said())
    assert card.offer() is None
    card.button.clicks += 1
    until(first, lambda: card.offer() is not None)
    assert not card.button.disabled

    (folder(jobs, one) / ZEROS.file).write_bytes(b"damaged")
    assert ZEROS.read(jobs, one) is None
    jobs.close()
