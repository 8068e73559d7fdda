"""Files of a run that are none, lead elsewhere or say what none says: listed, and deleted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import FitError
from engine.jobs import JobError, Jobs, check_summary
from tests.engine.jobs.fakes import FakeFits, ended, folder, submit


def finished(jobs: Jobs, fits: FakeFits) -> tuple[str, Path]:
    """A run to be damaged, and its folder."""
    # Of one pass, which leaves no checkpoint to be written.
    fits.free, fits.passes = True, 1
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
