from __future__ import annotations

from pathlib import Path

import pytest

from engine.jobs import Jobs, names
from engine.jobs.status import JobError
from engine.results import load
from tests.dashboard.synthetic import make_fit, make_topic_fit


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    return folder


def test_names_are_kept_with_the_run(run: Path) -> None:
    jobs = Jobs(run.parent.parent, devices=lambda: [None])
    assert jobs.factor_names("one") == ()
    jobs.name_factors("one", ["T cells", "<img src=x onerror=alert(1)>"])
    assert jobs.factor_names("one") == ("T cells", "<img src=x onerror=alert(1)>")
    with pytest.raises(JobError):
        jobs.name_factors("two", ["a"])
    with pytest.raises(JobError):
        jobs.factor_names("../one")
    jobs.close()


@pytest.mark.parametrize("text", ["", "[]", '{"names": 3}', '{"other": []}', "\x00"])
def test_damaged_names_are_none(run: Path, text: str) -> None:
    (run / names.FILE).write_text(text, "utf-8")
    assert names.read(run) == ()


def test_a_run_that_was_deleted_does_not_come_back(run: Path) -> None:
    run.rmdir()
    with pytest.raises(JobError):
        names.write(run, ["a"])
    assert not run.exists()


@pytest.mark.parametrize("make", [make_fit, make_topic_fit])
def test_names_go_with_a_saved_fit(make: object, tmp_path: Path) -> None:
    from dataclasses import replace

    fit = make(cells=12, genes=6)  # type: ignore[operator]
    assert load(fit.save(tmp_path / "plain.h5ad")).names == ()
    named = replace(fit, names=("monocytes", *fit.default_names[1:]))
    read = load(named.save(tmp_path / "named.h5ad"))
    assert read.factor_names == ["monocytes", *fit.default_names[1:]]
    assert read.default_names[0] in ("factor 1", "topic 1")
