from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import engine
from engine.__main__ import main
from engine.checks import Sweep
from engine.jobs import Jobs, list_sweeps, stop_sweep, sweep_of
from tests.engine.jobs.real_runs import HOLDOUT, more_file
from tests.waiting import PATIENCE

pytestmark = pytest.mark.fit


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    return Path(more_file(tmp_path).source)


@pytest.mark.parametrize(("model", "unit"), [("lda", "topics"), ("lnmvcp", "factors")])
def test_a_sweep_from_a_shell(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, unit: str
) -> None:
    out = tmp_path / "new" / "table.csv"
    command = ["sweep", str(simulated), "--model", model, "--values", "2, 1", "--genes", "all"]
    options = ["--holdout", str(HOLDOUT), "--max-passes", "4", "--seed", "1", "--out", str(out)]
    assert main([*command, *options]) == 0
    printed = capsys.readouterr()
    assert unit in printed.out.splitlines()[0]
    assert "perplexity of held-out cells" in printed.out
    table = pd.read_csv(out)
    assert list(table["value"]) == [1, 2]
    jobs = Jobs()
    kept = sweep_of(jobs, list_sweeps(jobs)[0])
    assert list(kept.runs["seed"]) == [1, 1]
    assert table["perplexity"].tolist() == pytest.approx(kept.table["perplexity"].tolist())

    assert main([*command, *options, "--json"]) == 0
    found = Sweep.from_dict(json.loads(capsys.readouterr().out))
    pd.testing.assert_frame_equal(
        found.table.drop(columns="seconds"), kept.table.drop(columns="seconds"), rtol=1e-4
    )
    jobs.close()


@pytest.mark.parametrize("values", ["", "two", "1.5,2", "0,3"])
def test_values_that_are_none(
    simulated: Path, capsys: pytest.CaptureFixture[str], values: str
) -> None:
    assert main(["sweep", str(simulated), "--model", "lda", "--values", values]) == 2
    assert "Expected" in capsys.readouterr().err
    assert not Jobs().list()


def test_ctrl_c_prints_what_there_is(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, stopped = engine.fit_iter, threading.Event()

    def stop(jobs: Jobs, id: str) -> None:
        stop_sweep(jobs, id)
        stopped.set()

    def fit_iter(counts: Any, config: Any, **settings: Any) -> Any:
        for progress in real(counts, config, **settings):
            if config.n_topics == 2 and progress.status.passes == 2 and not stopped.is_set():
                signal.raise_signal(signal.SIGINT)
                assert stopped.wait(PATIENCE)
            yield progress

    monkeypatch.setattr(engine, "fit_iter", fit_iter)
    monkeypatch.setattr("engine.shell.commands.sweep.stop_sweep", stop)
    command = ["sweep", str(simulated), "--model", "lda", "--genes", "all", "--max-passes", "4"]
    assert main([*command, "--holdout", str(HOLDOUT), "--values", "1,2,3", "--json"]) == 0
    printed = capsys.readouterr()
    found = Sweep.from_dict(json.loads(printed.out))
    assert list(found.table["value"]) == [1]
    assert list(found.runs["state"]) == ["done", "stopped", "stopped"]
    assert "k3: stopped. Stopped before it began." in printed.err
