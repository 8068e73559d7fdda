from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import panel_material_ui as pmui
import pytest

from dashboard.cards.data.held_out_scores import comparable, page
from dashboard.controls.run import RunControl
from dashboard.controls.run_list import secondary
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from engine.data import DataRequest
from engine.jobs import JobStatus
from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from tests.dashboard.synthetic import Steps, make_counts
from tests.dashboard.widgets import find
from tests.engine.jobs.real_runs import HOLDOUT, MORE_CELLS
from tests.tiny import FACTORS, GENES


def run(id: str, perplexity: float | None, **changes: Any) -> JobStatus:
    score = None
    if perplexity is not None:
        score = {"model": "lnm", "perplexity": perplexity, "log_marginal_per_cell": -1234.5}
        score |= {"n_cells": 270, "n_features": 2001, "n_counts": 300_000} | changes.pop(
            "score", {}
        )
    values: dict[str, Any] = {"id": id, "name": f"run {id}", "kind": "fit", "state": "done"}
    values |= {"created": 0.0, "request": {"source": "demo", "genes": 2000}, "score": score}
    values |= {"config": LNMConfig(n_factors=10).to_dict(), "holdout": 0.1, "seconds": 12.34}
    return JobStatus(**values | changes)


def test_only_runs_on_the_same_counts_stand_side_by_side() -> None:
    topics = LDAConfig(n_topics=10).to_dict()
    runs = [
        run("other seed", 1.0, config=LNMConfig(n_factors=10, seed=1).to_dict()),
        run("other share", 2.0, holdout=0.2),
        run("other genes", 3.0, request={"source": "demo", "genes": 500}),
        run("other cells", 4.0, score={"n_counts": 5}),
        run("unscored", None),
        run("factors", 394.2),
        run("reference", 394.9, request={"source": "demo", "genes": 2000, "reference": "ACTB"}),
        run("topics", 419.0, config=topics),
    ]
    assert [r.id for r in comparable(runs, "topics")] == ["factors", "reference", "topics"]
    assert [r.id for r in comparable(runs, "unscored")] == ["other seed"]
    assert comparable([run("unscored", None)], None) == []
    assert "4 runs" in page(runs, "topics")
    assert page([], None) == ""


def test_the_table_says_what_is_better_and_opens_runs() -> None:
    evil = "<img src=x onerror=alert(1)>"
    lda = {"model": "lda", "log_marginal_per_cell": None}
    runs = [
        run("1", 419.03, name=evil, config=LDAConfig(n_topics=10).to_dict(), score=lda),
        run("2", 394.21),
    ]
    said = page(runs, "2")
    assert said.index("394.2") < said.index("419.0")
    for part in ("the lower the better", "LDA", "10 topics", "10 factors", "−1,234.50", "none"):
        assert part in said
    assert 'data-act="run-open" data-value="1"' in said
    assert (
        '<tr aria-current="true"><th scope="row"><button class="name" data-act="run-open"' in said
    )
    assert "<img" not in said


def test_runs_of_one_model_differ_by_their_inference() -> None:
    lda = {"model": "lda", "log_marginal_per_cell": None}
    runs = [
        run(how, 400.0, config=LDAConfig(n_topics=20, inference=how).to_dict(), score=lda)
        for how in ("em", "vae")
    ]
    said = page(runs, "em")
    assert '<th scope="col">inference</th>' in said
    for how in ("em", "vae"):
        assert f"<td>LDA</td><td>{how}</td><td>20 topics</td>" in said


def test_a_bound_is_told_from_a_marginal() -> None:
    """Scores of earlier versions do not say whether they are bounds."""
    assert "<td>≥ −1,234.50</td>" in page([run("1", 394.2, score={"is_bound": True})], "1")
    for score in ({"is_bound": False}, {}):
        assert "<td>−1,234.50</td>" in page([run("1", 394.2, score=score)], "1")


@pytest.mark.parametrize(("shown", "last"), [("13", "13"), ("3", "11"), (None, "11")])
def test_the_open_run_is_among_those_shown(shown: str | None, last: str) -> None:
    runs = [run(str(k), 400.0 + k) for k in range(14)]
    said = page(runs, shown)
    rows = re.findall('data-value="([0-9]+)"', said)
    assert rows == [*map(str, range(11)), last]
    assert said.count("aria-current") == (shown is not None)
    assert "Not shown, of those that compare: 2 runs." in said
    assert "Not shown" not in page(runs[:12], shown)


@pytest.mark.parametrize("perplexity", [None, 394.2])
def test_a_run_in_the_list_tells_its_score_and_its_model(perplexity: float | None) -> None:
    scored = run("1", 1.0, log_marginal_per_cell=-1000.0, score={"perplexity": perplexity})
    said = secondary(scored)
    assert ("perplexity 394.2" if perplexity else "nats/cell") in said
    assert said.startswith("lnm k10 · done")
    named = run("1", None, name="demo · lnm k10")
    assert secondary(named).startswith("done")
    assert secondary(run("1", None, config={})).startswith("done")


@pytest.mark.parametrize(("config", "model"), [(LNMConfig, "lnm"), (LDAConfig, "lda")])
def test_a_run_has_no_number_until_it_is_chosen(config: Any, model: str) -> None:
    going_on = run("1", 400.0, config=config().to_dict(), name=f"demo · {model}", state="running")
    assert secondary(going_on).startswith("running")
    assert ("topics" if model == "lda" else "factors") + " to be chosen" in page([going_on], "1")
    sized = run("1", 400.0, config=config().sized(3).to_dict(), name=f"demo · {model}")
    assert secondary(sized).startswith(f"{model} k3 · done")
    assert "<td>3 " in page([sized], "1")


def test_a_run_without_factors_says_so() -> None:
    none = run("1", 400.0, config=LNMConfig(n_factors=0).to_dict(), name="demo · lnm")
    assert secondary(none).startswith("lnm k0 · done")
    assert "<td>0 factors</td>" in page([none], "1")


@pytest.mark.slow
def test_cells_are_held_out_if_asked(
    state: AppState,
    runner: Runner,
    services: Services,
    steps: Steps,
    until: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The same numbers of cells and genes as in other tests.
    monkeypatch.setattr(DataRequest, "load", lambda _: make_counts(MORE_CELLS, GENES - 1))
    state.n_factors = FACTORS
    control = RunControl(state, runner)
    switch = find(control.settings, pmui.Switch, "Score held-out cells")
    share = find(control.settings, pmui.IntInput, "Per cent")
    assert (state.holdout, share.visible) == (0, False)
    switch.value = True
    share.value = round(100 * HOLDOUT)
    assert (state.holdout, share.visible) == (HOLDOUT, True)
    steps.go_on.set()
    runner.read()
    until(lambda: state.ready)
    runner.fit()
    until(lambda: state.status is not None and state.status.state == "done")
    assert services.jobs.status(state.run).holdout == HOLDOUT
