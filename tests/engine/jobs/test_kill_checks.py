"""What looks at the homes of killed servers sees what may not be there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kill_checks import Journal, faults
from dashboard import saved_selections
from engine.jobs import Jobs
from tests.engine.jobs.fakes import FakeFits, ended, folder, submit


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def run(jobs: Jobs, fits: FakeFits, journal: Journal) -> str:
    fits.free = True
    id = submit(jobs, 1)
    ended(jobs, id)
    mask = np.arange(5) < 2
    saved_selections.write(jobs.folder(id), mask)
    for words in (("made",), ("done", "3"), ("selected", saved_selections.name(mask))):
        journal.write(words[0], id, *words[1:])
    return id


def test_a_sound_home_has_no_fault(jobs: Jobs, run: str, journal: Journal) -> None:
    journal.write("renaming", run, "a")
    jobs.rename(run, "a")
    journal.write("renamed", run, "a")
    # Begun, and perhaps not done before the kill.
    journal.write("renaming", run, "b")
    journal.write("deleting", run)
    (jobs.home / "counts" / ".new-1").mkdir(parents=True)
    (jobs.home / "uploads").mkdir()
    (jobs.home / "uploads" / ".0.part").touch()
    assert list(faults(jobs.home, journal)) == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda run: run.rename(run.with_name("elsewhere")), "is lost"),
        (lambda run: (run / "status.json").write_text("{"), "cannot be read"),
        (lambda run: os.truncate(run / "fit.h5ad", 900), "is damaged"),
        (lambda run: (run / "fit.h5ad").unlink(), "has no fit"),
        (lambda run: (run / "run.json").replace(run / "names.json"), "cannot be read"),
        (lambda run: next(run.glob("selections/*")).unlink(), "are lost"),
        (lambda run: next(run.glob("selections/*")).write_bytes(b""), "is damaged"),
        (lambda run: (run / ".strange").touch(), "is left"),
        (lambda run: (run.parents[1] / "counts" / "1").mkdir(parents=True), "1 are not whole"),
    ],
)
def test_each_fault_is_found(
    jobs: Jobs, run: str, journal: Journal, harm: object, told: str
) -> None:
    harm(folder(jobs, run))  # type: ignore[operator]
    assert [fault for fault in faults(jobs.home, journal) if told in fault]


def test_a_run_that_comes_back_or_is_called_otherwise_is_found(
    jobs: Jobs, run: str, journal: Journal
) -> None:
    journal.write("renamed", run, "a")
    journal.write("deleting", run)
    journal.write("deleted", run)
    found = " ".join(faults(jobs.home, journal))
    assert "came back" in found
    assert "is called" in found
