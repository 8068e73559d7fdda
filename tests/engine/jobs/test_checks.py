"""Checks of runs in the background: found again, stopped, summed up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine import checks as science
from engine.checks.predictive.check import ALL_CELLS
from engine.data import DataRequest
from engine.jobs import Checked, CheckRequest, Checks, Jobs, JobStatus, check_summary
from engine.jobs.check_file import FILE
from engine.jobs.store import FIT
from engine.registry import Config
from engine.results import AnyFit
from tests.engine.jobs.fakes import ended, until
from tests.tiny import CELLS, LDA, LNM, tiny_data

pytestmark = pytest.mark.fit

ASKED = CheckRequest(n_draws=20, genes=("gene 3",), group="cell_type")
# Where groups, each of which has its tables, are none of what is tested.
ALONE = replace(ASKED, group="")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    made = Jobs(tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> DataRequest:
    path = tmp_path_factory.mktemp("data") / "sim.h5ad"
    adata = tiny_data()
    adata.var_names = [f"gene {j}" for j in range(adata.n_vars)]
    adata.obs["cell_type"] = np.where(np.arange(CELLS) % 2, "a", "b")
    adata.write_h5ad(path)
    return DataRequest(str(path), genes="all")


def fitted(jobs: Jobs, request: DataRequest, config: Config) -> tuple[str, AnyFit]:
    run = jobs.submit_fit(request, config)
    assert ended(jobs, run).state == "done"
    return run, jobs.result(run)


@pytest.fixture(scope="module")
def run(jobs: Jobs, request_: DataRequest) -> tuple[str, AnyFit]:
    return fitted(jobs, request_, LNM)


def result(jobs: Jobs, id: str) -> Checked:
    status = ended(jobs, id)
    assert status.state == "done", status.message
    found = jobs.result(id)
    assert isinstance(found, Checked)
    return found


def test_a_check_is_made_kept_and_summed_up(jobs: Jobs, run: tuple[str, AnyFit]) -> None:
    checks = Checks(jobs)
    assert check_summary(jobs, run[0]) is None
    assert checks.latest(*run) is None
    # That of somebody who only looks leaves nothing with the run, and is made anew for its owner.
    aside = checks.submit(*run, ASKED, keep=False)
    result(jobs, aside)
    assert check_summary(jobs, run[0]) is None
    id = checks.submit(*run, ASKED)
    assert id != aside
    found = result(jobs, id)
    assert check_summary(jobs, run[0]) is not None
    assert found.check.n_cells == 80
    assert set(found.check.genes["group"]) == {"all cells", "a", "b"}
    assert "gene 3" in set(found.check.distributions["gene"])
    assert found.laplace is not None
    assert len(found.laplace.cells) == 80
    assert checks.latest(*run) == id
    assert checks.request(id) == ASKED
    # asked again, it is there; asked otherwise, it is not
    assert checks.submit(*run, ASKED) == id
    other = checks.submit(*run, replace(ASKED, seed=1))
    assert other != id
    assert checks.latest(*run) == other
    assert result(jobs, other).laplace is found.laplace

    told = check_summary(jobs, run[0])
    assert told is not None
    assert (told["mode"], told["n_draws"], told["cells"]) == ("laplace", 20, 80)
    assert (
        sum(told["misfits"].values())
        == (jobs.result(other).check.misfits["group"] == ALL_CELLS).sum()
    )
    assert told["findings"] == list(jobs.result(other).check.findings)
    assert check_summary(jobs, run[0], "population") is None


def test_what_the_fit_knows_and_the_pairs_it_misses_come_first(
    jobs: Jobs, run: tuple[str, AnyFit], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"gene": "gene 3", "other": "gene 7", "observed": 0.5, "predicted": 0.0, "misfit": True}
    missed = science.MissedPairs("factors", 2, 80, 20, 1, pd.DataFrame([row]))
    seen: list[int] = []

    def steps(*_: object, cells: np.ndarray | None = None) -> Iterator[object]:
        seen.append(-1 if cells is None else int(cells.sum()))
        yield science.MissedProgress(1.0, missed)

    monkeypatch.setattr(science, "missed_pairs_iter", steps)
    known = science.ResidualStructure(2, 80, 3.0, 0.9, 0.05, ("A",), (), "batch", 0.7, missed=0.0)
    fit = science.with_structure(run[1], known)
    # Another server: it has not looked yet.
    checks, some = Checks(jobs), np.arange(80) < 40
    found = result(jobs, checks.submit(run[0], fit, replace(ALONE, seed=21), keep=False)).check
    assert found.findings[:2] == (known.words, missed.words)
    assert found.missed is missed
    assert {"gene 3", "gene 7"} <= {*found.pairs["gene"], *found.pairs["other"]}
    result(jobs, checks.submit(run[0], fit, replace(ALONE, seed=22), keep=False))
    result(jobs, checks.submit(run[0], fit, replace(ALONE, seed=22), some, keep=False))
    # Once for all cells, and once for some.
    assert seen == [-1, 40]


def test_each_mode_has_its_summary_and_some_cells_have_none(
    jobs: Jobs, run: tuple[str, AnyFit]
) -> None:
    checks = Checks(jobs)
    some = np.arange(80) < 30
    found = result(jobs, checks.submit(*run, replace(ALONE, mode="map"), some))
    assert found.check.n_cells == 30
    assert check_summary(jobs, run[0], "map") is None
    result(jobs, checks.submit(*run, replace(ALONE, mode="population", seed=3)))
    told = check_summary(jobs, run[0], "population")
    assert told is not None
    assert (told["mode"], told["totals"]) == ("population", "model")
    # that of a fit that has gone on since is out of date
    path = jobs.folder(run[0]) / FILE
    text = path.read_text("utf-8")
    path.write_text(text.replace('"passes": 5', '"passes": 4'), "utf-8")
    assert jobs.status(run[0]).passes == 5
    assert check_summary(jobs, run[0]) is None
    path.write_text("[1]", "utf-8")
    assert check_summary(jobs, run[0]) is None


@pytest.mark.parametrize(
    ("name", "step", "phase"),
    [
        (
            "predictive_check_iter",
            science.CheckProgress(0.5),
            "looking for the genes that fit worst",
        ),
        ("laplace_quality_iter", science.LaplaceProgress(0.5), "testing the approximation"),
    ],
)
def test_a_check_can_be_stopped_and_asked_again(
    jobs: Jobs,
    run: tuple[str, AnyFit],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    step: object,
    phase: str,
) -> None:
    checks = Checks(jobs)
    real, slow = getattr(science, name), True

    def steps(*arguments: object, **named: object) -> Iterator[object]:
        while slow:
            # Leaves the processor to the test.
            time.sleep(0.002)
            yield step
        yield from real(*arguments, **named)

    monkeypatch.setattr(science, name, steps)
    request = replace(ALONE, seed=7)
    id = checks.submit(*run, request)
    until(jobs, id, lambda status: status.phase == phase)
    jobs.stop(id)
    stopped: JobStatus = ended(jobs, id)
    assert stopped.state == "stopped"
    assert jobs.result(id) is None
    assert checks.latest(*run) is None
    slow = False
    again = checks.submit(*run, request)
    assert again != id
    found = result(jobs, again)
    assert found.check.n_cells == 80
    assert found.laplace is not None


def test_the_oldest_are_forgotten(
    jobs: Jobs, run: tuple[str, AnyFit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.jobs.checks._MOST_CACHED", 2)
    checks = Checks(jobs)
    ids = []
    for seed in (11, 12, 13):
        ids.append(checks.submit(*run, replace(ALONE, seed=seed)))
        ended(jobs, ids[-1])
    assert checks.request(ids[0]) is None
    assert checks.request(ids[1]) is not None
    assert ids[0] not in {status.id for status in jobs.list()}


def test_counts_that_were_not_kept_are_read_again(jobs: Jobs, request_: DataRequest) -> None:
    run, fit = fitted(jobs, request_, LDA)
    fit.save(jobs.folder(run) / FIT)
    assert jobs.fit_counts(run) is None
    checks = Checks(jobs)
    found = result(jobs, checks.submit(run, fit, ALONE))
    assert found.check.n_cells == 80
    # topics do without Laplace, and have no totals
    assert found.laplace is None
    assert found.check.totals is None
    gone = Path(request_.source)
    aside = gone.rename(gone.with_suffix(".aside"))
    try:
        failed = ended(jobs, checks.submit(run, fit, replace(ASKED, seed=1)))
    finally:
        aside.rename(gone)
    assert failed.state == "failed"
    assert "sim.h5ad" in failed.message
