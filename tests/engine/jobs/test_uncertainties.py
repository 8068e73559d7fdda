"""The uncertainty of a run, worked out beside it and kept in its folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import checks
from engine.errors import ConfigError
from engine.jobs import (
    CheckRequest,
    Checks,
    JobError,
    Jobs,
    JobStatus,
    uncertainties,
)
from engine.jobs.artefact import Work
from engine.jobs.checking import structure_iter
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.jobs.store import FIT, RunStore
from engine.jobs.uncertainties import UNCERTAINTY
from tests.engine.jobs.fakes import ended, folder
from tests.engine.jobs.real_runs import HOLDOUT, keep_run, more_file
from tests.tiny import LDA, tiny_counts, tiny_data, tiny_file, tiny_fit
from tests.waiting import PATIENCE

pytestmark = pytest.mark.fit


@pytest.fixture
def real(serve: Callable[..., Jobs]) -> Jobs:
    return serve(fit_iter=engine_fit_iter, load_counts=engine_load)


@pytest.fixture
def run(real: Jobs, tmp_path: Path) -> str:
    """A run of an LNM that has ended, with its counts."""
    return keep_run(real, tiny_fit(), tiny_file(tmp_path), tiny_counts())


def test_of_correlations(real: Jobs, run: str) -> None:
    assert UNCERTAINTY.read(real, run) is None
    id = UNCERTAINTY.submit(real, run)
    status = ended(real, id)
    assert (status.kind, status.state) == ("task", "done"), status.message
    kept = UNCERTAINTY.read(real, run)
    assert isinstance(kept, checks.Uncertainty)
    assert kept.method == "delta"
    made = real.result(id).correlation(np.arange(5))
    np.testing.assert_array_equal(kept.correlation(np.arange(5)).lfsr, made.lfsr)
    status = ended(real, UNCERTAINTY.submit(real, run, "bootstrap", 3))
    assert status.state == "done", status.message
    again = UNCERTAINTY.read(real, run)
    assert isinstance(again, checks.Uncertainty)
    assert (again.method, again.n_boot) == ("bootstrap", 3)


def test_of_topics_without_the_cells_set_aside(real: Jobs, tmp_path: Path) -> None:
    run = real.submit_fit(more_file(tmp_path, "lnm"), LDA, holdout=HOLDOUT)
    assert ended(real, run).state == "done"
    found = ended(real, UNCERTAINTY.submit(real, run))
    assert found.state == "failed"
    assert "bootstrap" in found.message
    # As a fit does that was too large to be kept with its counts.
    real.result(run).save(folder(real, run) / "fit.h5ad")
    assert real.fit_counts(run) is None
    status = ended(real, UNCERTAINTY.submit(real, run, "bootstrap", 3))
    assert status.state == "done", status.message
    kept = UNCERTAINTY.read(real, run)
    assert isinstance(kept, checks.TopicUncertainty)
    assert kept.n_boot == 3


@pytest.mark.parametrize("task", ["uncertainty", "check"])
def test_counts_that_have_changed_are_refused(real: Jobs, tmp_path: Path, task: str) -> None:
    def failure() -> str:
        if task == "uncertainty":
            status = ended(real, UNCERTAINTY.submit(real, run))
        else:
            status = ended(real, Checks(real).submit(run, fit, CheckRequest(n_draws=20)))
        assert status.state == "failed"
        return status.message

    fit = tiny_fit()
    run = keep_run(real, fit, tiny_file(tmp_path))
    # The same names, and other counts.
    other = tiny_data(seed=5)
    other.write_h5ad(tmp_path / "sim.h5ad")
    assert "Expected the counts that were fitted; found other totals in sim" in failure()
    other[1:].copy().write_h5ad(tmp_path / "sim.h5ad")
    assert "Expected the 80 cells that were fitted; found 1 of them missing" in failure()
    other[:, 1:].copy().write_h5ad(tmp_path / "sim.h5ad")
    assert "Use the data as they were when it was fitted" in failure()


def test_a_run_that_does_not_tell_its_data_says_so(real: Jobs) -> None:
    fit = tiny_fit()
    made = JobStatus.new("fit", "older", config=fit.config.to_dict())
    store = RunStore(real.home)
    lock = store.create(made)
    fit.save(store.path(made.id, FIT))
    store.write_status(replace(made, state="done"))
    lock.release()
    status = ended(real, UNCERTAINTY.submit(real, made.id))
    assert status.state == "failed"
    assert "Expected a run whose counts are known; found none kept with it." in status.message


def test_that_of_another_fit_is_not_given(
    real: Jobs, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases: list[str] = []
    report = Work.progress

    def progress(work: Work, fraction: float, words: str) -> None:
        phases.append(words)
        report(work, fraction, words)

    monkeypatch.setattr(Work, "progress", progress)
    ended(real, UNCERTAINTY.submit(real, run))
    path = folder(real, run) / uncertainties.FILE
    kept = checks.Uncertainty.load(path)
    older = checks.Uncertainty(kept.centre, kept.noise, kept.spread, kept.passes - 1)
    older.save(path)
    assert UNCERTAINTY.read(real, run) is None
    # An earlier release did not measure what it found that factors miss.
    found = checks.ResidualStructure(2, 80, 3.0, 0.9, 0.05, ("A",), ())
    sizes = ((3, 0.2, 0.0),)
    for missed, of_genes in ((0.1, sizes), (0.0, ())):
        measured = replace(found, missed=missed, sizes=of_genes)
        replace(kept, structure=measured).save(path)
        assert UNCERTAINTY.read(real, run) is not None
    for other in (replace(found, missed=0.1), replace(measured, sizes=((20, 0.2, 0.0),))):
        replace(kept, structure=other).save(path)
        assert UNCERTAINTY.read(real, run) is None
    replace(kept, structure=found).save(path)
    assert UNCERTAINTY.read(real, run) is None
    # Nor did the fit, which keeps it: it is measured again.
    *_, last = structure_iter(checks.with_structure(tiny_fit(), found), tiny_counts())
    assert last.structure is not None
    assert last.structure.missed is not None
    ended(real, UNCERTAINTY.submit(real, run))
    assert UNCERTAINTY.read(real, run) is not None
    assert "anew: an earlier release" in phases[-1]
    ended(real, UNCERTAINTY.submit(real, run))
    assert "anew" not in phases[-1]
    path.write_bytes(b"damaged")
    assert UNCERTAINTY.read(real, run) is None
    ended(real, UNCERTAINTY.submit(real, run))
    assert "anew: what is kept is damaged" in phases[-1]


@pytest.mark.parametrize(("asked", "made"), [("stop", 12), ("stop", 4), ("cancel", 12)])
def test_what_is_stopped_keeps_enough(
    real: Jobs,
    run: str,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    made: int,
) -> None:
    ended(real, UNCERTAINTY.submit(real, run, "bootstrap", 2))
    before = UNCERTAINTY.read(real, run)
    assert isinstance(before, checks.Uncertainty)
    spread = type(before.spread)(*(np.repeat(a, made // 2, axis=0) for a in before.spread))
    found = checks.Uncertainty(before.centre, before.noise, spread, before.passes)
    working, go_on = threading.Event(), threading.Event()

    def slowly(*_: Any) -> Iterator[checks.UncertaintyProgress[checks.Uncertainty]]:
        working.set()
        assert go_on.wait(PATIENCE)
        yield checks.UncertaintyProgress(0.5, found)
        raise AssertionError("it went on")

    monkeypatch.setattr(uncertainties, "steps", slowly)
    id = UNCERTAINTY.submit(real, run, "bootstrap", 100)
    assert working.wait(PATIENCE)
    getattr(real, asked)(id)
    go_on.set()
    state = ended(real, id).state
    assert state == {"stop": "stopped", "cancel": "cancelled"}[asked]
    kept = UNCERTAINTY.read(real, run)
    assert isinstance(kept, checks.Uncertainty)
    assert kept.n_boot == (12 if (asked, made) == ("stop", 12) else 2)


def test_what_cannot_be_asked(jobs: Jobs) -> None:
    with pytest.raises(JobError):
        UNCERTAINTY.submit(jobs, "none")
    with pytest.raises(JobError):
        UNCERTAINTY.read(jobs, "../runs")
    with pytest.raises(ConfigError, match="method"):
        uncertainties.steps(None, None, "guess")
