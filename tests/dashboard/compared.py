"""Runs on the same data, and a Compare tab that shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dashboard.browser import Browser
from dashboard.cards.compare.tab import CompareTab
from dashboard.runner import Runner
from dashboard.state import AppState
from engine.lnm.config import LNMConfig
from engine.results import AnyFit
from tests.dashboard.synthetic import make_fit, make_topic_fit

EVIL = '<img src=x onerror="alert(1)">'
Until = Callable[[Callable[[], object]], None]
Shown = tuple[AppState, CompareTab]


def fits() -> list[tuple[str, AnyFit, float | None]]:
    """Runs, the open one last. The run "half" has half of the cells, in another order."""
    open_ = make_fit(cells=60, genes=30, factors=4)
    part = np.random.default_rng(1).permutation(60)[:30]
    half = replace(
        make_fit(cells=60, genes=30, factors=3, seed=1),
        config=LNMConfig(capture=True, n_factors=3),
        cells=open_.cells[part],
        scores=open_.scores[part][:, [2, 0, 1]] * np.array([1, -1, 1]),
        scores_sd=open_.scores_sd[part][:, :3],
        loadings=open_.loadings[:, [2, 0, 1]] * np.array([1, -1, 1]),
        log_marginal=open_.log_marginal[part] + 2,
        total_counts=open_.total_counts[part],
        obs=open_.obs.iloc[part],
    )
    assert open_.capture is not None
    names = ("eta", "eta_sd", "efficiency", "efficiency_sd")
    cut = {name: getattr(open_.capture, name)[part] for name in names}
    half = replace(half, capture=replace(open_.capture, **cut))
    topics = make_topic_fit(cells=60, genes=30, topics=5)
    topics = replace(topics, total_counts=open_.total_counts, obs=open_.obs)
    elsewhere = replace(open_, total_counts=open_.total_counts + 1)
    return [
        ("topics", topics, 0.05),
        ("other data", elsewhere, 0.0),
        (f"half {EVIL}", half, -0.05),
        ("open", open_, 0.0),
    ]


def show(state: AppState, runner: Runner, ids: list[str], until: Until) -> Shown:
    """Open the last run and its Compare tab; return the state and the tab."""
    runner.open(ids[-1])
    until(lambda: state.fit is not None and state.embedding is not None)
    view = CompareTab(state, Browser(), runner)
    state.tab = "compare"
    until(lambda: view.layout.xy is not None)
    assert state.run_error is None, state.run_error
    return state, view
