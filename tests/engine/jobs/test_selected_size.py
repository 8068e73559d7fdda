"""Runs whose number of factors is chosen from the counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.data import Counts
from engine.fitting.progress import Progress
from engine.jobs import JobError, Jobs, contender
from engine.lnm.config import LNMConfig
from engine.results import Fit, Selection, selection_of, with_selection
from engine.validation import AUTO
from tests.engine.jobs.fakes import REQUEST, load_counts, make_fit, make_progress, make_status
from tests.waiting import wait_for

FOUND = Selection(0, "No factor can be told from noise.", (), 2, 3)


def choosing(counts: Counts, config: LNMConfig, *, start: Fit | None = None) -> Iterator[Progress]:
    """Other fits have had 40 passes; then there is none for as long as it is not stopped."""
    none = replace(make_progress(0), phase="choosing how many factors: 1", status=make_status(40))
    yield none
    while config.seed == 1:
        yield none
    config = config.sized(FOUND.size)
    fit = with_selection(make_fit(2, "converged", config), FOUND)
    yield replace(make_progress(2, "converged"), snapshot=lambda: fit)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(tmp_path, fit_iter=choosing, load_counts=load_counts, devices=lambda: [None])
    yield jobs
    jobs.close()


def test_the_number_is_kept_with_the_run_on_disk(jobs: Jobs, tmp_path: Path) -> None:
    id = jobs.submit_fit(REQUEST, LNMConfig())
    assert jobs.status(id).name == "tiny · lnm"
    wait_for(lambda: not jobs.status(id).active)
    assert jobs.status(id).state == "done", jobs.status(id).message
    jobs.close()
    with closing(Jobs(tmp_path)) as again:
        status = again.status(id)
        assert status.config["n_factors"] == 0
        assert status.name == "tiny · lnm"
        assert FOUND.reason in status.log
        assert contender(again, status).config.size == 0
        fit: Any = again.result(id)
        assert selection_of(fit) == FOUND


def test_while_it_is_chosen_there_is_no_pass_and_no_number(jobs: Jobs) -> None:
    id = jobs.submit_fit(REQUEST, LNMConfig(seed=1))
    wait_for(lambda: jobs.status(id).phase.startswith("choosing"))
    status = jobs.status(id)
    assert (status.passes, status.config["n_factors"]) == (0, AUTO)
    assert math.isnan(status.log_marginal_per_cell)
    jobs.stop(id)
    wait_for(lambda: not jobs.status(id).active)
    status = jobs.status(id)
    assert (status.state, status.passes) == ("stopped", 0)
    with pytest.raises(JobError):
        contender(jobs, status)
