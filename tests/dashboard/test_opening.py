"""A run brings the data that it was fitted to; they are read, shown and fitted, or missing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import panel_material_ui as pmui
import pytest

from dashboard.controls.data import DataControl
from dashboard.controls.gene_settings import GenesControl
from dashboard.folders import Folders
from dashboard.opener import crumbs
from dashboard.runner import Runner
from dashboard.services import Services
from dashboard.state import AppState
from engine.data import Counts, DataRequest
from engine.fitting.progress import Progress
from engine.jobs import Jobs
from engine.jobs.fits import FitIter
from engine.registry import Config
from engine.results import AnyFit
from tests.dashboard.synthetic import Steps, make_fit, scripted_fits
from tests.dashboard.widgets import find
from tests.runs import save_runs
from tests.waiting import wait_for


def write(path: Path, seed: int = 0, cells: int = 30) -> Path:
    """A small file of counts in a layer, with a column of library sizes."""
    counts = np.random.default_rng(seed).poisson(4.0, (cells, 8)).astype(np.float32)
    data = ad.AnnData(np.log1p(counts), layers={"raw_counts": counts})
    data.obs_names = [f"cell{c}" for c in range(cells)]
    data.var_names = [f"GENE{g}" for g in range(8)]
    data.obs["all"] = counts.sum(1) + 10
    data.write_h5ad(path)
    return path


class Person:
    """A page of its own on the server."""

    def __init__(self, services: Services, source: str) -> None:
        self.state = AppState(source=source, n_factors=2)
        self.runner = Runner(self.state, services)
        self.runner.read()
        self.until(lambda: self.state.ready)

    def until(self, condition: Callable[[], object]) -> None:
        wait_for(condition, meanwhile=self.runner.tick)

    def open(self, run: str) -> None:
        self.runner.open(run)
        self.until(lambda: not self.state.reading and self.state.fit is not None)

    @property
    def header(self) -> tuple[str, str, str]:
        state = self.state
        return crumbs(state.summary, state.status, state.brought, state.reading)

    def request(self, run: str) -> DataRequest:
        return DataRequest.from_dict(self.runner.services.jobs.status(run).request)


@pytest.fixture
def services(tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(
        "dashboard.embedding.umap_coordinates", lambda scores, *_: scores[:, :2] + 100
    )
    steps.go_on.set()
    jobs = Jobs(tmp_path / "home", fit_iter=real_data(scripted_fits(steps)), devices=lambda: [None])
    made = Services(jobs)
    yield made
    jobs.close()


def real_data(fit_iter: FitIter) -> FitIter:
    """Made-up fits that record the fingerprint of their counts, as real ones do."""

    def with_fingerprint(
        build: Callable[[], AnyFit] | None, counts: Counts
    ) -> Callable[[], AnyFit] | None:
        if build is None:
            return None
        return lambda: replace(build(), data={"fingerprint": counts.fingerprint})

    def fit(counts: Counts, config: Config, *, start: AnyFit | None = None) -> Iterator[Progress]:
        for step in fit_iter(counts, config, start=start):
            yield replace(step, snapshot=with_fingerprint(step.snapshot, counts))

    return fit


@pytest.fixture
def other(tmp_path: Path) -> str:
    return str(write(tmp_path / "other.h5ad", seed=9, cells=20))


@pytest.fixture
def run(request: pytest.FixtureRequest, services: Services, tmp_path: Path) -> str:
    data = DataRequest(
        str(write(tmp_path / "mine.h5ad")),
        layer="raw_counts",
        genes=("GENE1", "GENE2", "GENE5"),
        reference="GENE2",
        library_size="all",
    )
    config = AppState(source="demo", n_factors=2).config()
    made = services.jobs.submit_fit(
        data, config, name="mine", holdout=getattr(request, "param", 0.0)
    )
    wait_for(lambda: not services.jobs.status(made).active)
    assert services.jobs.status(made).state == "done"
    return made


@pytest.mark.slow
@pytest.mark.parametrize("run", [0.0, 0.2], indirect=True, ids=["all cells", "held out"])
def test_a_run_brings_its_data_and_all_choices(services: Services, run: str, other: str) -> None:
    page = Person(services, other)
    control = DataControl(page.state, page.runner)
    genes = GenesControl(page.state)
    page.open(run)
    state = page.state
    assert state.ready
    assert state.loaded == page.request(run)
    assert state.brought == run
    assert page.header == ("mine · 30 cells × 3 genes", "mine", "done")
    assert find(control, pmui.TextInput, "Path of the counts").value == state.source
    page.runner.fit()
    page.until(lambda: state.run != run)
    assert page.request(state.run) == page.request(run)
    assert (genes.kind.value, genes._field.value) == ("named", "GENE1, GENE2, GENE5")
    assert genes.reference.value == "GENE2"
    assert state.library_size == "all"


def test_results_are_there_before_the_counts(
    services: Services, run: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Person(services, other)
    gate, load = threading.Event(), DataRequest.load
    monkeypatch.setattr(DataRequest, "load", lambda request: (gate.wait(), load(request))[1])
    page.runner.open(run)
    page.until(lambda: page.state.fit)
    assert page.state.reading
    assert page.header == ("mine.h5ad · being read", "mine", "done")
    beside = crumbs(None, page.state.status, None, "/other.h5ad")
    assert beside == ("mine.h5ad · not open", "mine", "done")
    page.runner.fit()
    gate.set()
    page.until(lambda: page.state.run != run)
    assert page.request(page.state.run) == page.request(run)


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["gone", "changed", "fewer cells", "unreadable"])
def test_lost_data_are_told_and_nothing_else_is_fitted(
    services: Services, run: str, other: str, tmp_path: Path, harm: str
) -> None:
    mine = tmp_path / "mine.h5ad"
    if harm == "gone":
        mine.unlink()
    elif harm == "unreadable":
        mine.write_bytes(b"nothing of the kind")
    else:
        write(mine, seed=3 if harm == "changed" else 0, cells=30 if harm == "changed" else 25)
    page = Person(services, other)
    page.open(run)
    state = page.state
    assert state.counts is None
    assert state.loaded is None
    assert state.summary is None
    assert "mine" in state.data_error.expected
    assert "results of the run stay" in state.data_error.remedy
    assert ("Bring them back" in state.data_error.remedy) == (harm == "gone")
    assert page.header == ("mine.h5ad · not open", "mine", "done")
    page.runner.fit()
    page.until(lambda: state.run_error)
    assert state.run_error.got == state.data_error.got
    assert [job.id for job in services.jobs.list() if job.kind == "fit"] == [run]
    assert state.fit is not None
    assert state.run == run
    # Another file is fitted, and the header says which is which.
    state.param.update(source=other, layer=None, genes="all", reference=None, library_size=None)
    page.until(lambda: state.ready)
    assert page.header[0].startswith("To fit next: other")
    assert page.header[1] == "mine (fitted to mine.h5ad)"
    page.runner.fit()
    page.until(lambda: state.run != run)
    assert page.request(state.run).source == other


def test_changed_data_are_fitted_once_a_person_opens_them(
    services: Services, run: str, other: str, tmp_path: Path
) -> None:
    write(tmp_path / "mine.h5ad", seed=3)
    page = Person(services, other)
    page.open(run)
    page.runner.read()
    page.until(lambda: page.state.ready)
    assert page.state.data_error is None
    assert page.header[0].startswith("To fit next: mine")


def test_a_file_that_changed_under_an_open_page_is_noticed(
    services: Services, run: str, tmp_path: Path
) -> None:
    page = Person(services, str(tmp_path / "mine.h5ad"))
    page.open(run)
    assert page.state.brought == run
    write(tmp_path / "mine.h5ad", seed=3)
    os.utime(tmp_path / "mine.h5ad", (1, 1))
    page.open(run)
    assert page.state.brought is None
    assert "changed" in page.state.data_error.got


def test_a_run_that_does_not_say_where_its_data_are(services: Services, other: str) -> None:
    (run,) = save_runs(services.jobs.home, [("old", make_fit(), None)])
    page = Person(services, other)
    page.open(run)
    assert page.state.counts is None
    assert "none in the run" in page.state.data_error.got


def test_a_run_opens_no_file_that_the_server_may_not(
    services: Services, run: str, other: str, tmp_path: Path
) -> None:
    (tmp_path / "allowed").mkdir()
    services.folders = Folders(tmp_path / "uploads", tmp_path / "allowed")
    page = Person(services, other)
    page.open(run)
    assert page.state.counts is None
    assert "LOGRATIO_DATA" in page.state.data_error.remedy


def test_sessions_stay_apart(services: Services, run: str, other: str) -> None:
    first, second = Person(services, other), Person(services, other)
    first.open(run)
    second.runner.tick()
    assert second.state.loaded.source == other
    assert second.header[1] == ""


def test_opening_a_file_beside_a_run_goes_to_the_data(
    services: Services, run: str, other: str
) -> None:
    page = Person(services, other)
    control = DataControl(page.state, page.runner)
    page.open(run)
    page.state.tab = "explore"
    find(control, pmui.TextInput, "Path of the counts").value = other
    control._open()
    page.until(lambda: page.state.ready)
    assert page.state.tab == "data"
    assert page.state.loaded.source == other
    assert page.header[0].startswith("To fit next: other")
    # Other genes, or a file that cannot be opened, do not change the tab in front.
    page.state.tab = "explore"
    page.state.genes = 3
    page.until(lambda: page.state.ready)
    find(control, pmui.TextInput, "Path of the counts").value = "/no/such.h5ad"
    control._open()
    page.until(lambda: page.state.data_error)
    assert page.state.tab == "explore"


def test_choices_of_a_file_are_not_taken_for_those_of_the_next(
    services: Services, run: str, other: str
) -> None:
    page = Person(services, other)
    control = DataControl(page.state, page.runner)
    page.open(run)
    assert (page.state.layer, page.state.library_size) == ("raw_counts", "all")
    assert control._layer.value == "raw_counts"
    assert control._size.value == "all"
