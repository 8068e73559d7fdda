from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata as ad
import pytest

from engine.errors import FitError
from engine.jobs import JobError, Jobs, JobStatus
from engine.results import load
from tests.engine.jobs.fakes import (
    FakeFits,
    Serve,
    ended,
    folder,
    load_counts,
    make_fit,
    submit,
)


def test_saving_that_dies_midway_leaves_the_old_file(
    jobs: Jobs, fits: FakeFits, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = submit(jobs, 1)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)

    def die(self: ad.AnnData, path: Path, **settings: Any) -> None:
        Path(path).write_bytes(b"half of a fi")
        raise OSError("No space left on device")

    monkeypatch.setattr(ad.AnnData, "write_h5ad", die)
    fits.allow(1)
    status = ended(jobs, id)
    assert status.state == "failed"
    assert "No space left on device" in status.message
    assert load(folder(jobs, id) / "checkpoint.h5ad").status.passes == 1
    assert jobs.result(id).status.passes == 1
    assert not list(folder(jobs, id).glob("*.part"))
    monkeypatch.undo()
    jobs.resume(id)
    assert ended(jobs, id).state == "done"
    assert fits.starts == [None, 1]


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_fit(
    jobs: Jobs, fits: FakeFits, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = submit(jobs, 1)
    fits.wait_for_pull(1, 1)

    def die(self: ad.AnnData, path: Path, **settings: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ad.AnnData, "write_h5ad", die)
        fits.allow(1, 2)
        fits.wait_for_pull(1, 3)
    fits.allow(1)
    status = ended(jobs, id)
    assert status.state == "done"
    assert any("checkpoint could not be written" in line for line in status.log)


def test_an_end_that_cannot_be_written_stays_in_memory(
    jobs: Jobs, fits: FakeFits, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = submit(jobs, 1)
    fits.allow(1, 2)
    fits.wait_for_pull(1, 3)

    def die(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("engine.jobs.store.write_json", die)
        fits.allow(1)
        status = ended(jobs, id)
        assert status.state == "done"
        assert "No space left on device" in status.log[-1]
        assert jobs.result(id).status.state == "converged"
        with pytest.raises(JobError, match="No space left"):
            submit(jobs, 2)
    jobs.delete(id)
    assert list((jobs.home / "runs").iterdir()) == []


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Jobs, str]]:
    """A run that has ended, beside which damaged ones are put."""
    jobs = Jobs(
        tmp_path_factory.mktemp("home"), fit_iter=FakeFits(free=True), load_counts=load_counts
    )
    id = submit(jobs, 1)
    ended(jobs, id)
    yield jobs, id
    jobs.close()


GOOD = JobStatus(id="x", name="n", kind="fit", state="done", created=1.0).to_parts()


@pytest.mark.parametrize(
    ("run", "status"),
    [
        (None, None),
        ("", ""),
        (json.dumps(GOOD[0]), None),
        (json.dumps({"format": 1, **GOOD[0]}), json.dumps(GOOD[1])[:-20]),
        (json.dumps({"format": 1, **GOOD[0]}), "[]"),
        (json.dumps({"format": 1, **GOOD[0]}), json.dumps({**GOOD[1], "state": "on fire"})),
        (json.dumps({"format": 1, **GOOD[0]}), json.dumps({**GOOD[1], "trace": [1, 2]})),
        (json.dumps({"format": 1, **GOOD[0]}), "[" * 100_000),
        (json.dumps({"format": 99, **GOOD[0]}), json.dumps(GOOD[1])),
        ("\ud800".encode("utf-16", "surrogatepass").decode("latin-1"), "{}"),
        *[
            (json.dumps({"format": 1, **GOOD[0], **wrong}), json.dumps(GOOD[1]))
            for wrong in (
                {"created": float("nan")},
                {"created": 1e300},
                {"created": "yesterday"},
                {"holdout": -0.5},
                {"config": {"n_factors": -3}},
                {"config": {"n_topics": "many"}},
                {"config": [1]},
                {"request": {"source": ["a", "b"]}},
                {"name": {"a": 1}},
                {"group": ["a"]},
            )
        ],
        *[
            (json.dumps({"format": 1, **GOOD[0]}), json.dumps({**GOOD[1], **wrong}))
            for wrong in (
                {"fraction": 7},
                {"fraction": float("nan")},
                {"seconds": -1},
                {"seconds": float("inf")},
                {"seconds_left": "soon"},
                {"passes": 10**400},
                {"passes": True},
                {"n_failed_cells": -1},
                {"trace": [[0, float("nan")]]},
                {"log_marginal_per_cell": float("inf")},
                {"revision": 1e300},
                {"message": None},
                {"phase": [1]},
                {"log": [{"a": 1}]},
                {"score": {"perplexity": "low"}},
                {"score": {"perplexity": float("inf")}},
                {"score": [[1, 2]]},
            )
        ],
    ],
)
def test_damaged_runs_are_listed_as_failed(
    good: tuple[Jobs, str], tmp_path: Path, run: str | None, status: str | None
) -> None:
    jobs, id = good
    # Of a name that no other had.
    damaged = folder(jobs, tmp_path.name)
    damaged.mkdir()
    for name, text in (("run.json", run), ("status.json", status)):
        if text is not None:
            (damaged / name).write_text(text, encoding="latin-1")
    states = {item.id: (item.state, item.message) for item in jobs.list()}
    assert states[id][0] == "done"
    assert states[damaged.name][0] == "failed"
    assert "cannot be read" in states[damaged.name][1]
    assert jobs.result(damaged.name) is None
    with pytest.raises(JobError, match="failed"):
        jobs.resume(damaged.name)
    jobs.delete(damaged.name)
    assert [item.id for item in jobs.list()] == [id]


def test_a_damaged_fit_is_an_error_in_words(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    id = submit(jobs, 1)
    ended(jobs, id)
    (folder(jobs, id) / "fit.h5ad").write_bytes(b"damaged")
    with pytest.raises(FitError, match="written by Fit"):
        jobs.result(id)


def test_strange_things_in_the_folder_are_passed_over(serve: Serve) -> None:
    jobs = serve()
    (jobs.home / "runs" / "notes.txt").write_text("mine")
    (jobs.home / "runs" / ".hidden").mkdir()
    (jobs.home / "runs" / ".deleted-half").mkdir()
    assert jobs.list() == []
    serve()
    assert not (jobs.home / "runs" / ".deleted-half").exists()
    assert (jobs.home / "runs" / ".hidden").exists()


@pytest.mark.slow
def test_few_fits_are_kept_in_memory(serve: Serve, fits: FakeFits) -> None:
    fits.free = True
    jobs = serve()
    ids = [submit(jobs, seed) for seed in range(6)]
    for id in ids:
        ended(jobs, id)
    newest = jobs.result(ids[-1])
    assert jobs.result(ids[-1]) is newest
    for id in ids[:4]:
        assert jobs.result(id) is jobs.result(id)
    assert jobs.result(ids[-1]) is not newest


def test_a_replaced_fit_is_read_again(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    id = submit(jobs, 1)
    ended(jobs, id)
    assert jobs.result(id).status.passes == 3
    make_fit(7).save(folder(jobs, id) / "fit.h5ad")
    assert jobs.result(id).status.passes == 7


def test_status_survives_json() -> None:
    full = JobStatus(
        id="x",
        name="a · b",
        kind="fit",
        state="running",
        created=12.5,
        phase="fitting",
        fraction=0.5,
        seconds=3.0,
        seconds_left=2.0,
        passes=4,
        n_failed_cells=1,
        log_marginal_per_cell=-1.5,
        gradient_median=0.1,
        gradient_worst=0.2,
        trace=((1.0, -2.0), (2.0, -1.5)),
        message="words",
        log=("one", "two"),
        request={"genes": ["a", "b"]},
        config={"seed": 1},
        holdout=0.1,
        group="g",
        score={"perplexity": 9.5, "log_marginal_per_cell": None},
        revision=9,
        peak_memory_mb=100.0,
    )
    for status in (full, JobStatus(id="y", name="n", kind="fit", state="queued", created=0.0)):
        run, progress = json.loads(json.dumps(status.to_parts(), allow_nan=False))
        assert str(JobStatus.from_parts(status.id, run, progress)) == str(status)


def test_home_is_named_by_the_environment(
    home: Path, fits: FakeFits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jobs = Jobs()
    assert jobs.home == home
    jobs.close()
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("LOGRATIO_HOME", str(file / "home"))
    with pytest.raises(JobError, match="LOGRATIO_HOME"):
        Jobs()
