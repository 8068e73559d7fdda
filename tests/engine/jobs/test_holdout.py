"""Cells that a run sets aside, and the score that it keeps."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from engine import checks
from engine.data import Counts, DataRequest
from engine.errors import ConfigError, DataError
from engine.jobs import Jobs, JobStatus
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.lnm.config import LNMConfig
from engine.registry import Config
from tests.engine.jobs.fakes import (
    REQUEST,
    FakeFits,
    Serve,
    config,
    ended,
    folder,
    make_counts,
)
from tests.engine.jobs.real_runs import HOLDOUT, more_file
from tests.tiny import CELLS, LDA, LNM, LNMVCP


@pytest.fixture
def data(tmp_path: Path) -> DataRequest:
    return more_file(tmp_path)


@pytest.fixture
def real(serve: Serve) -> Jobs:
    return serve(fit_iter=engine_fit_iter, load_counts=engine_load)


@pytest.mark.parametrize(
    "settings",
    [LNM, LNMVCP, LDA],
    ids=lambda config: config.model,
)
@pytest.mark.fit
def test_a_run_is_scored_on_cells_that_it_has_not_seen(
    real: Jobs, data: DataRequest, settings: Config
) -> None:
    id = real.submit_fit(data, settings, holdout=HOLDOUT)
    done = ended(real, id)
    assert done.state == "done", done.message
    fitted, held_out = checks.set_aside(data.load(), HOLDOUT, 1)
    fit = real.result(id)
    assert list(fit.cells) == list(fitted.cells)
    expected = checks.score(fit, held_out, seed=1).to_dict()
    assert done.score is not None
    assert {name: done.score[name] for name in expected} == pytest.approx(expected)
    assert (done.holdout, done.score["n_cells"]) == (HOLDOUT, 20)
    assert any("20 of 100 cells are set aside" in line for line in done.log)
    # The file says the same as the fit in memory.
    real.close()
    assert Jobs(real.home).status(id) == done


def test_no_cells_are_set_aside_unasked(jobs: Jobs, fits: FakeFits) -> None:
    fits.free = True
    done = ended(jobs, jobs.submit_fit(REQUEST, config(1), counts=make_counts()))
    assert (done.holdout, done.score) == (0.0, None)
    for wrong in (1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match="holdout"):
            jobs.submit_fit(REQUEST, config(1), counts=make_counts(), holdout=wrong)


def test_a_fit_that_cannot_be_scored_is_kept(
    jobs: Jobs, fits: FakeFits, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **settings: Any) -> None:
        raise DataError("cells with counts", "none", "Choose other cells.")

    monkeypatch.setattr(checks, "complete", fail)
    fits.free = True
    id = jobs.submit_fit(REQUEST, config(1), counts=make_counts(), holdout=0.4)
    done = ended(jobs, id)
    assert (done.state, done.score) == ("done", None)
    assert any("could not be scored: Expected cells with counts" in line for line in done.log)
    assert jobs.result(id) is not None
    assert (folder(jobs, id) / "fit.h5ad").exists()


def test_what_is_wanted_while_it_is_scored(
    serve: Serve, fits: FakeFits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancel discards, stop lets it finish, and of a closing server there is something left."""
    jobs = serve()

    def complete(fit: Any, counts: Counts, *, seed: int, on_progress: Any) -> None:
        actions.pop()()
        on_progress(0.5)
        raise DataError("the end of this test", "it", "Nothing.")

    monkeypatch.setattr(checks, "complete", complete)
    fits.free = True
    running: list[str] = []
    actions = [
        lambda: _close_elsewhere(jobs),
        lambda: jobs.stop(running[-1]),
        lambda: jobs.cancel(running[-1]),
    ]
    for seed in (1, 2, 3):
        with jobs._pool.lock:
            id = jobs.submit_fit(REQUEST, config(seed), counts=make_counts(), holdout=0.4)
            running.append(id)
        ended(jobs, id)
    states = [serve().status(id).state for id in running]
    assert states == ["cancelled", "done", "interrupted"]
    assert [jobs.result(id) is not None for id in running] == [False, True, True]


@pytest.mark.fit
def test_a_run_whose_server_went_away_while_it_was_scored_is_scored_when_resumed(
    serve: Serve, data: DataRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = serve(fit_iter=engine_fit_iter, load_counts=engine_load)

    def complete(*arguments: Any, on_progress: Any, **settings: Any) -> None:
        _close_elsewhere(first)
        on_progress(0.5)
        raise AssertionError("nobody waits for a score")

    with monkeypatch.context() as patch:
        patch.setattr(checks, "complete", complete)
        id = first.submit_fit(data, LNM, holdout=HOLDOUT)
        assert ended(first, id).state == "interrupted"
    second = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    second.resume(id)
    done = ended(second, id)
    assert done.state == "done", done.message
    assert done.score is not None


@pytest.mark.fit
def test_a_resumed_run_sets_the_same_cells_aside(serve: Serve, data: DataRequest) -> None:
    first = _stopped_after(serve, data, LNM, HOLDOUT)
    id = first.list()[0].id
    stopped = first.status(id)
    assert stopped.state == "stopped"
    assert stopped.score is not None
    first.close()
    second = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    second.resume(id)
    assert second.status(id).score is None
    done = ended(second, id)
    assert done.state == "done", done.message
    fitted = checks.set_aside(data.load(), HOLDOUT, 1)[0]
    assert list(second.result(id).cells) == list(fitted.cells)
    assert done.score is not None
    assert done.score["n_counts"] == stopped.score["n_counts"]


@pytest.mark.fit
def test_a_fit_of_a_subsample_goes_on_with_all_cells(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint was taken while only some of the cells had been seen."""
    # The subsample and each block of the 240 cells, and the 20 set aside: as large as elsewhere.
    monkeypatch.setattr("engine.lnm.laplace._SUBSAMPLE", CELLS)
    settings = LNMConfig(n_factors=2, max_passes=60, seed=1, block_cells=CELLS)
    jobs = _stopped_after(serve, more_file(tmp_path, cells=260), settings, 1 / 13)
    id = jobs.list()[0].id
    assert len(jobs.result(id).cells) == CELLS
    jobs.resume(id)
    done = ended(jobs, id)
    assert done.state == "done", done.message
    assert len(jobs.result(id).cells) == 3 * CELLS


def test_runs_from_before_there_were_scores_are_read(jobs: Jobs) -> None:
    run, progress = JobStatus(id="x", name="n", kind="fit", state="done", created=1.0).to_parts()
    for name in ("holdout", "group"):
        del run[name]
    del progress["score"]
    old = folder(jobs, "old")
    old.mkdir()
    (old / "run.json").write_text(json.dumps({"format": 1, **run}))
    (old / "status.json").write_text(json.dumps(progress))
    status = jobs.status("old")
    assert (status.state, status.holdout, status.group, status.score) == ("done", 0.0, "", None)


def _close_elsewhere(jobs: Jobs) -> None:
    """Returns once all jobs know that the server is closing; it waits for the caller to end."""
    threading.Thread(target=jobs.close).start()
    while True:
        with jobs._pool.lock:
            if jobs._pool.closed:
                return
        time.sleep(0.002)


def _stopped_after(serve: Serve, data: DataRequest, settings: LNMConfig, holdout: float) -> Jobs:
    """A server with one run, stopped after two passes."""
    servers: list[Jobs] = []
    stop = [True]

    def fit_iter(counts: Any, config: Any, *, start: Any = None) -> Any:
        for progress in engine_fit_iter(counts, config, start=start):
            if stop and progress.status.passes >= 2:
                stop.clear()
                servers[0].stop(servers[0].list()[0].id)
            yield progress

    servers.append(serve(fit_iter=fit_iter, load_counts=engine_load))
    id = servers[0].submit_fit(data, settings, holdout=holdout)
    ended(servers[0], id)
    return servers[0]
