"""Run where there is one more model, ``svd``: it is fitted, saved, shown and reported as any other.

It is written in docs/contributing.md, and `test_additions` adds it.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import pytest

import engine
from dashboard import embedding, link
from dashboard.cards import catalogue
from dashboard.controls.model_form import TITLES
from dashboard.report import bundle as zipped
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.shell import compose
from dashboard.state import AppState
from engine.__main__ import main
from engine.data import Counts
from engine.jobs import CheckRequest, Jobs
from engine.registry import MODELS
from engine.results import AnyFit, load
from tests.conftest import ROOT
from tests.dashboard.synthetic import make_counts
from tests.engine.jobs.real_runs import keep_run
from tests.tiny import tiny_counts, tiny_file
from tests.waiting import wait_for

SVD = MODELS["svd"]
# Tabs that wait for a job or another run, and what can be exported then.
WAITED = {"check": "counts of genes", "compare": "both cells"}


def fitted(counts: Counts, size: int) -> AnyFit:
    return engine.fit(counts, SVD.configured("svd", n_components=size))


class Add:
    """Gives the tests of all models a fit of this one."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[0].module.FITS["svd"] = fitted(make_counts(30, 12), 3)  # type: ignore[attr-defined]


def words(page: Any) -> list[str]:
    """All that is written on the page."""
    return [str(pane.object) for pane in page.select(pn.pane.HTML) if pane.visible and pane.object]


counts = tiny_counts()
fit = fitted(counts, 2)
assert fit.status.state == "converged"
clr = np.log(counts.matrix().toarray() + 0.5)
clr -= clr.mean(1, keepdims=True)
own = np.linalg.svd(clr - clr.mean(0))[2][:2]
found = fit.gene_loadings() / np.linalg.norm(fit.gene_loadings(), axis=0)
np.testing.assert_allclose(np.abs(own @ found), np.eye(2), atol=0.05)

# The report and the page draw every figure; files of figures are the same for all models.
zipped.KINDS = ("csv",)
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    data = tiny_file(folder)
    saved, page = folder / "fit.h5ad", folder / "report.html"
    typed = ["fit", data.source, "--model", "svd", "--components", "2", "--genes", "all"]
    assert main([*typed, "--holdout", "0.2", "--out", str(saved)]) == 0
    assert main(["check", str(saved), "--draws", "20"]) == 0
    bundle = folder / "figures.zip"
    report = ["report", str(saved), "--out", str(page), "--zip", str(bundle), "--no-umap"]
    assert main(report) == 0
    said = page.read_text("utf-8")
    for part in ("component 1", "(SVD; half", "20 replicates"):
        assert part in said, part
    tables = zipfile.ZipFile(bundle)
    said += "".join(str(tables.read(name)) for name in tables.namelist() if name.endswith("csv"))
    said += tables.read("README.txt").decode()
    for word in ("factor", "topic"):
        places = [said[found.start() - 60 : found.end() + 60] for found in re.finditer(word, said)]
        assert not places, places
    back = load(saved)
    assert back.config == fit.config

obs = pd.DataFrame({"kind": ["a", "b"] * 40}, index=fit.cells)
fit, other = engine.fit(counts, SVD.configured("svd")).changed(obs=obs), fit.changed(obs=obs)
# A real one takes longer than all else here.
embedding.umap_coordinates = lambda scores, *_: scores[:, :2]  # type: ignore[assignment]
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    jobs, data = Jobs(folder / "home", load_counts=lambda *_: counts), tiny_file(folder)
    run, beside = (keep_run(jobs, one, data, counts) for one in (fit, other))
    state = AppState()
    runner = Runner(state, Services(jobs))
    page = compose(state, runner)

    assert TITLES["SVD"] == "svd"
    state.model = "svd"
    state.n_components = 7
    assert state.config() == SVD.configured("svd", n_components=7)
    asked, problems = link.read(link.write(state, None))
    assert (dict(asked.form), problems) == ({"model": "svd", "n_components": 7}, [])

    def until(holds: Callable[[], bool]) -> None:
        def turned() -> bool:
            runner.tick()
            assert state.run_error is None, state.run_error
            return holds()

        wait_for(turned)

    for tab in state.param.tab.objects:
        state.tab = tab
    runner.open(run)
    until(lambda: None not in (state.fit, state.fit_counts, state.embedding))
    assert state.fit is not None
    state.choose_gene(str(fit.genes[3]))
    state.choose_factor(1)
    state.choose_pair(str(fit.genes[0]), str(fit.genes[1]))
    state.select(np.arange(80) < 30)
    runner.services.checks.submit(run, state.fit, CheckRequest(n_draws=20))
    for tab in state.param.tab.objects:
        state.tab = tab
        for heat in state.param.heat.objects:
            state.heat = heat
        for detail in catalogue.keys("explore", "state.detail"):
            state.detail = detail
        for colour in state.colours().values():
            state.colour = colour
        if tab in WAITED:
            until(lambda tab=tab: state.exports[WAITED[tab]]() is not None)
    offered = {name: offer() for name, offer in state.exports.items()}
    # What a capability is needed for, which this model lacks; and what nobody has asked for.
    missing = {name for name, one in offered.items() if one is None}
    lacking = {"covariates", "coefficients", "differences", "differential", "pairs"}
    assert missing == lacking | {"zeros"}, missing
    for one in offered.values():
        if one is not None:
            one.draw()
            table = one.table()
            assert not {"topic", "factor"} & {*table.index.names, *table.columns}, one.name
    said = " ".join(words(page.main[0]))
    for part in (">Component loadings<", ">Genes of the component<", "similar component scores"):
        assert part in said, part
    jobs.close()

tests = str(ROOT / "tests" / "engine" / "fitting" / "test_model.py")
with tempfile.TemporaryDirectory() as name:
    # Not the folder of the tests that run this: pytest tidies it up.
    alone = ["-q", "--assert=plain", "-p", "no:cacheprovider", f"--basetemp={name}"]
    assert pytest.main([*alone, tests], [Add()]) == 0
