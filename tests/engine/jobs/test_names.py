from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.naming import fetch
from engine.data import DataRequest
from engine.jobs import Jobs, factor_names
from engine.jobs.job_status import JobError
from engine.lda.config import LDAConfig
from engine.results import TopicFit, load
from tests.dashboard.synthetic import make_counts, make_fit, make_topic_fit
from tests.engine.jobs.turning import Turning, turned
from tests.waiting import wait_for


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    return folder


def test_names_are_kept_with_the_run(run: Path) -> None:
    jobs = Jobs(run.parent.parent, devices=lambda: [None])
    assert jobs.factor_names("one", 3) == ()
    jobs.name_factors("one", ["T cells", "<img src=x onerror=alert(1)>"], 3)
    assert jobs.factor_names("one", 3) == ("T cells", "<img src=x onerror=alert(1)>")
    assert jobs.factor_names("one", 4) == (), "another fit of the run may have another order"
    with pytest.raises(JobError):
        jobs.name_factors("two", ["a"], 3)
    with pytest.raises(JobError):
        jobs.factor_names("../one", 3)
    jobs.close()


@pytest.mark.parametrize("text", ["", "[]", '{"names": 3}', '{"other": []}', "\x00"])
def test_damaged_names_are_none(run: Path, text: str) -> None:
    (run / factor_names.FILE).write_text(text, "utf-8")
    assert factor_names.read(run, 3) == ()


def test_a_run_that_was_deleted_does_not_come_back(run: Path) -> None:
    run.rmdir()
    with pytest.raises(JobError):
        factor_names.write(run, ["a"], 3)
    assert not run.exists()


@pytest.mark.parametrize("make", [make_fit, make_topic_fit])
def test_names_go_with_their_topics_and_never_to_others(make: Any) -> None:
    before, other = make(genes=40), make(genes=40, seed=1)
    before = replace(before, names=("B cells", before.default_names[1], "T cells", "NK", "sex"))
    after = turned(before, [4, 2, 0, 3, 1])
    kind = before.default_names[0].split()[0]
    assert factor_names.carried(before, after) == ("sex", "T cells", "B cells", "NK", f"{kind} 5")
    if isinstance(after, TopicFit):
        after.topics[:, 3] = other.topics[:, 3]
    else:
        after.loadings[:, 3] = other.loadings[:, 3]
    assert factor_names.carried(before, after)[3] == f"{kind} 4"


@pytest.mark.parametrize("make", [make_fit, make_topic_fit])
def test_one_alone_keeps_its_name(make: Any) -> None:
    fit = replace(make(40, 8, 1), names=("all",))
    assert factor_names.carried(fit, replace(fit, names=())) == ("all",)


def called(jobs: Jobs, id: str) -> list[str]:
    """What the fit of a run is called, as the page asks for it."""
    fit, kept = fetch(jobs, id)
    assert fit is not None
    return list(kept) or fit.factor_names


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[tuple[Jobs, str]]:
    """A run that was stopped after one pass, and whose topics have names."""
    jobs = Jobs(
        tmp_path, fit_iter=Turning(), devices=lambda: [None], load_counts=lambda _: make_counts()
    )
    id = jobs.submit_fit(DataRequest("made up"), LDAConfig(n_topics=3))
    go_on(jobs, id)
    jobs.name_factors(id, ["B cells", "T cells", "NK"], 1)
    yield jobs, id
    jobs.close()


def go_on(jobs: Jobs, id: str, end: str = "stop") -> None:
    """Let a run make one pass, and end it."""
    passes = 1 + (0 if jobs.status(id).active else jobs.status(id).passes)
    if not jobs.status(id).active:
        jobs.resume(id)
    wait_for(lambda: jobs.status(id).passes == passes)
    getattr(jobs, end)(id)
    wait_for(lambda: not jobs.status(id).active)


def test_names_of_a_run_that_goes_on(stopped: tuple[Jobs, str]) -> None:
    jobs, id = stopped
    first = jobs.result(id)
    assert called(jobs, id) == ["B cells", "T cells", "NK"]
    jobs.resume(id)
    wait_for(lambda: jobs.status(id).passes == 2)
    assert called(jobs, id) == ["T cells", "NK", "B cells"], "while it runs"
    jobs.stop(id)
    wait_for(lambda: not jobs.status(id).active)
    assert called(jobs, id) == ["T cells", "NK", "B cells"]
    last = jobs.result(id)
    np.testing.assert_array_equal(last.topics[:, 2], first.topics[:, 0])
    assert load(jobs.fit_file(id) or "").factor_names == ["T cells", "NK", "B cells"]
    jobs.name_factors(id, ["T cells", "NK cells", "B cells"], 2)
    go_on(jobs, id)
    assert called(jobs, id) == ["NK cells", "B cells", "T cells"]


def test_names_of_a_run_whose_going_on_is_cancelled(stopped: tuple[Jobs, str]) -> None:
    jobs, id = stopped
    go_on(jobs, id, "cancel")
    assert jobs.result(id).status.passes == 1
    assert called(jobs, id) == ["B cells", "T cells", "NK"]


def test_names_that_do_not_say_of_which_fit_go_on_once(stopped: tuple[Jobs, str]) -> None:
    jobs, id = stopped
    (jobs.folder(id) / factor_names.FILE).write_text(
        '{"names": ["B cells", "T cells", "NK"]}', "utf-8"
    )
    assert called(jobs, id) == ["B cells", "T cells", "NK"]
    go_on(jobs, id)
    assert called(jobs, id) == ["T cells", "NK", "B cells"]


@pytest.mark.parametrize("make", [make_fit, make_topic_fit])
def test_names_go_with_a_saved_fit(make: object, tmp_path: Path) -> None:
    fit = make(cells=12, genes=6)  # type: ignore[operator]
    assert load(fit.save(tmp_path / "plain.h5ad")).names == ()
    named = replace(fit, names=("monocytes", *fit.default_names[1:]))
    read = load(named.save(tmp_path / "named.h5ad"))
    assert read.factor_names == ["monocytes", *fit.default_names[1:]]
    assert read.default_names[0] in ("factor 1", "topic 1")
