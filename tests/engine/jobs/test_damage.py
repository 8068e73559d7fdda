from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest

from engine.errors import FitError
from engine.jobs import JobError, Jobs, JobStatus, check_summary
from engine.results import load
from tests.engine.jobs.fakes import (
    FakeFits,
    Serve,
    ended,
    folder,
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
    jobs: Jobs, fits: FakeFits, run: str | None, status: str | None
) -> None:
    fits.free = True
    good = submit(jobs, 1)
    ended(jobs, good)
    damaged = folder(jobs, "damaged")
    damaged.mkdir()
    for name, text in (("run.json", run), ("status.json", status)):
        if text is not None:
            (damaged / name).write_text(text, encoding="latin-1")
    states = {item.id: (item.state, item.message) for item in jobs.list()}
    assert states[good][0] == "done"
    assert states["damaged"][0] == "failed"
    assert "cannot be read" in states["damaged"][1]
    assert jobs.result("damaged") is None
    with pytest.raises(JobError, match="failed"):
        jobs.resume("damaged")
    jobs.delete("damaged")
    assert [item.id for item in jobs.list()] == [good]


def finished(jobs: Jobs, fits: FakeFits) -> tuple[str, Path]:
    """A run to be damaged, and its folder."""
    fits.free = True
    id = submit(jobs, 1)
    ended(jobs, id)
    return id, folder(jobs, id)


@pytest.mark.parametrize("name", ["run.json", "status.json"])
@pytest.mark.parametrize("way", ["pipe", "folder", "link", "endless", "loop"])
def test_runs_whose_files_are_none_are_listed_as_failed(
    jobs: Jobs, fits: FakeFits, tmp_path: Path, name: str, way: str
) -> None:
    id, place = finished(jobs, fits)
    path, other = place / name, tmp_path / "other.json"
    content = path.read_text().replace('"name": "', '"name": "somebody else\'s ')
    other.write_text(content)
    path.unlink()
    if way == "pipe":
        os.mkfifo(path)
    elif way == "folder":
        path.mkdir()
    else:
        path.symlink_to({"link": other, "endless": "/dev/zero", "loop": path}[way])
    (status,) = jobs.list()
    assert (status.id, status.state) == (id, "failed")
    assert "somebody else's" not in str(status)
    with pytest.raises(JobError, match="an interrupted, stopped or failed run"):
        jobs.resume(id)
    if name == "run.json":
        with pytest.raises(JobError):
            jobs.rename(id, "again")
    jobs.delete(id)
    assert jobs.list() == []
    assert other.read_text() == content


def test_a_fit_that_is_a_link_is_not_followed(jobs: Jobs, fits: FakeFits, tmp_path: Path) -> None:
    id, place = finished(jobs, fits)
    (place / "fit.h5ad").rename(tmp_path / "other.h5ad")
    (place / "fit.h5ad").symlink_to(tmp_path / "other.h5ad")
    for look in (jobs.result, jobs.fit_file, jobs.fit_counts):
        with pytest.raises(FitError, match="a link to another place"):
            look(id)
    jobs.delete(id)
    assert (tmp_path / "other.h5ad").exists()


@pytest.mark.parametrize("way", ["folder", "link"])
def test_a_run_whose_lock_is_none_can_be_deleted(
    jobs: Jobs, fits: FakeFits, tmp_path: Path, way: str
) -> None:
    id, place = finished(jobs, fits)
    (place / "lock").unlink()
    if way == "folder":
        (place / "lock").mkdir()
    else:
        (place / "lock").symlink_to(tmp_path / "made outside")
    jobs.delete(id)
    assert jobs.list() == []
    assert not (tmp_path / "made outside").exists()


def test_of_a_run_that_is_a_link_only_the_link_is_deleted(
    jobs: Jobs, fits: FakeFits, tmp_path: Path
) -> None:
    id, place = finished(jobs, fits)
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "moved", target_is_directory=True)
    assert jobs.status(id).state == "done"
    jobs.delete(id)
    assert list((jobs.home / "runs").iterdir()) == []
    assert (tmp_path / "moved" / "fit.h5ad").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"log_likelihood": np.array([np.nan, 1.0])},
        {"log_likelihood": np.arange(3.0)},
        {"cells": np.arange(2)},
        {"n_counts": np.array(["a", "b"])},
        {"n_counts": None},
    ],
)
def test_scores_of_cells_that_are_none(
    jobs: Jobs, fits: FakeFits, wrong: dict[str, np.ndarray | None]
) -> None:
    id, place = finished(jobs, fits)
    sound = {"cells": np.array(["a", "b"]), "log_likelihood": np.arange(2.0), "n_counts": [3, 4]}
    np.savez(place / "score.npz", **sound)
    assert jobs.cell_scores(id) is not None
    kept = {name: array for name, array in {**sound, **wrong}.items() if array is not None}
    np.savez(place / "score.npz", **kept)
    assert jobs.cell_scores(id) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_draws": "many"},
        {"findings": 3},
        {"notes": [None]},
        {"laplace": {"a": 1}},
        {"misfits": 1},
    ],
)
def test_checks_that_cannot_be_told(jobs: Jobs, fits: FakeFits, wrong: dict[str, Any]) -> None:
    id, place = finished(jobs, fits)
    row = {"group": "all cells", "discrepancy": "zeros", "n_genes": 2}
    kept = {"passes": jobs.status(id).passes, "n_draws": 9, "findings": ["a"], "misfits": [row]}
    for more, told in (({}, True), (wrong, False)):
        (place / "check.json").write_text(json.dumps({"laplace": {**kept, **more}}))
        assert (check_summary(jobs, id) is not None) == told


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
