"""Sweeps in the queue: runs that belong together, and the table that comes of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine.checks import Sweep
from engine.data import DataRequest, simulate
from engine.errors import ConfigError
from engine.jobs import (
    JobError,
    Jobs,
    list_sweeps,
    resume_sweep,
    stop_sweep,
    submit_sweep,
    sweep_of,
)
from engine.jobs.fits import engine_fit_iter, engine_load
from engine.jobs.sweeps import runs_of
from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.registry import Config
from tests.engine.jobs.fakes import REQUEST, FakeFits, Serve, ended, make_counts


@pytest.fixture
def data(tmp_path: Path) -> DataRequest:
    """Of the shape of `tests.tiny` once a fifth of the cells is held out."""
    path = tmp_path / "sim.h5ad"
    simulate("lda", cells=100, genes=20, factors=2, seed=2).write_h5ad(path)
    return DataRequest(str(path), genes="all")


def all_ended(jobs: Jobs, id: str) -> Sweep:
    for run in runs_of(jobs, id):
        ended(jobs, run.id)
    return sweep_of(jobs, id)


@pytest.mark.parametrize(
    "config", [LDAConfig(), LNMConfig(max_passes=5)], ids=lambda config: config.model
)
@pytest.mark.fit
def test_numbers_are_tried_and_one_is_suggested(
    serve: Serve, data: DataRequest, config: Config
) -> None:
    jobs = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    id = submit_sweep(jobs, data, config, [2, 1], seeds=2, holdout=0.2)
    assert list_sweeps(jobs) == [id]
    runs = runs_of(jobs, id)
    # Each number once, before any comes again.
    name = "sim · {} k{} · seed {}"
    wanted = [name.format(config.model, k, seed) for seed in (0, 1) for k in (1, 2)]
    assert [run.name for run in runs] == wanted
    found = all_ended(jobs, id)
    assert found.finished
    assert (found.model, found.holdout, found.name) == (config.model, 0.2, f"sim · {config.model}")
    assert list(found.table["value"]) == [1, 2]
    assert list(found.table["n_seeds"]) == [2, 2]
    assert found.suggested == 2
    assert found.table["excess"][0] > 3 * found.table["excess_se"][0]
    assert found.table["stability"].between(0.5, 1.001).all()
    assert found.table["effective"][1] > found.table["effective"][0] + 0.1
    # The mean over both seeds' cells lies between the scores of the runs.
    of_two = found.runs.loc[found.runs["value"] == 2, "perplexity"]
    assert of_two.min() <= found.table["perplexity"][1] <= of_two.max()


@pytest.mark.fit
def test_a_table_outlives_its_runs(serve: Serve, data: DataRequest) -> None:
    jobs = serve(fit_iter=engine_fit_iter, load_counts=engine_load)
    id = submit_sweep(jobs, data, LDAConfig(max_passes=3), [1, 2], holdout=0.2)
    found = all_ended(jobs, id)
    jobs.close()
    again = serve()
    pd.testing.assert_frame_equal(sweep_of(again, id).table, found.table)
    for run in runs_of(again, id):
        again.delete(run.id)
    assert list_sweeps(again) == [id]
    pd.testing.assert_frame_equal(sweep_of(again, id).runs, found.runs)
    kept = again.home / "sweeps" / f"{id}.json"
    kept.write_text(kept.read_text()[:-20])
    with pytest.raises(JobError, match="sweep"):
        sweep_of(again, id)
    for wrong in ("nobody", "", "../runs"):
        with pytest.raises(JobError, match="sweep"):
            sweep_of(again, wrong)


def test_what_there_is_while_it_runs_and_after_it_was_stopped(jobs: Jobs, fits: FakeFits) -> None:
    id = submit_sweep(jobs, REQUEST, LNMConfig(), [1, 2], holdout=0.4, counts=make_counts())
    fits.allow(0, 2)
    fits.wait_for_pull(0, 3)
    found = sweep_of(jobs, id)
    assert not found.finished
    assert list(found.runs["state"]) == ["running", "queued"]
    assert found.suggested is None
    assert not (jobs.home / "sweeps").exists()
    stop_sweep(jobs, id)
    # One step and no more: what is resumed must not have ended before it is looked at.
    fits.allow(0, 1)
    assert list(all_ended(jobs, id).runs["state"]) == ["stopped", "stopped"]
    assert fits.begun == [0]
    before = json.loads((jobs.home / "sweeps" / f"{id}.json").read_text())
    assert before["suggested"] is None
    # Runs that have gone on are asked again, not the file.
    resume_sweep(jobs, id)
    assert not sweep_of(jobs, id).finished
    for run in runs_of(jobs, id):
        jobs.cancel(run.id)


def test_what_cannot_be_swept(jobs: Jobs) -> None:
    for settings in ({"seeds": 0}, {"holdout": 0.0}, {"holdout": np.nan}):
        with pytest.raises(ConfigError, match="at least one number"):
            submit_sweep(jobs, REQUEST, LDAConfig(), [2], **settings)
    with pytest.raises(ConfigError, match="at least one number"):
        submit_sweep(jobs, REQUEST, LDAConfig(), [])
    with pytest.raises(ConfigError, match="n_topics"):
        submit_sweep(jobs, REQUEST, LDAConfig(), [2, 0])
    with pytest.raises(ConfigError, match="holdout"):
        submit_sweep(jobs, REQUEST, LDAConfig(), [2], holdout=1.5)
    assert jobs.list() == []
