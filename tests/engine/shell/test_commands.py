from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest

import engine
from engine import checks, results
from engine.__main__ import main
from engine.lnm.config import LNMConfig
from tests.conftest import ROOT
from tests.engine.jobs.fakes import make_fit, make_progress
from tests.tiny import CELLS, GENES

KEYS = {
    "seconds",
    "seconds_without_compilation",
    "passes",
    "log_marginal_per_cell",
    "status",
    "n_failed_cells",
    "peak_memory_mb",
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "sim.h5ad"
    sizes = ["--cells", str(CELLS), "--genes", str(GENES), "--factors", "2", "--seed", "3"]
    assert main(["simulate", *sizes, "--out", str(path)]) == 0
    return path


def fake_fit_iter(monkeypatch: pytest.MonkeyPatch, steps: Any) -> list[tuple[Any, LNMConfig]]:
    """Let ``steps(config)`` stand for the fit; the calls are noted."""
    calls = []

    def fit_iter(counts: Any, config: LNMConfig, *, start: Any = None) -> Iterator[Any]:
        calls.append((counts, config))
        yield from steps(config)

    monkeypatch.setattr(engine, "fit_iter", fit_iter)
    return calls


def unused(config: LNMConfig) -> Iterator[Any]:
    raise AssertionError("no fit was to be started")


@pytest.mark.parametrize("model", ["lnm", "lnmvcp", "lda"])
def test_simulate_writes_counts_with_their_truth(tmp_path: Path, model: str) -> None:
    out = tmp_path / "new" / "sim.h5ad"
    sizes = ["--cells", "30", "--genes", "12", "--factors", "2", "--seed", "4"]
    assert main(["simulate", "--model", model, *sizes, "--out", str(out)]) == 0
    data = ad.read_h5ad(out)
    assert data.shape == (30, 12)
    assert list(data.varm)
    main(["simulate", "--model", model, *sizes, "--out", str(again := tmp_path / "again.h5ad")])
    assert (ad.read_h5ad(again).X != data.X).nnz == 0
    assert [path.name for path in out.parent.iterdir()] == ["sim.h5ad"]


@pytest.mark.parametrize("model", ["lnm", "lnmvcp"])
@pytest.mark.fit
def test_fit_saves_a_fit_and_ends_with_json(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    out = tmp_path / "fit.h5ad"
    command = ["fit", str(simulated), "--model", model, "--factors", "2", "--genes", "all"]
    assert main([*command, "--max-passes", "3", "--seed", "1", "--out", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out.splitlines()[-1])
    fit = results.load(out)
    assert summary.keys() >= KEYS
    assert (fit.model, fit.n_factors, fit.config.seed) == (model, 2, 1)
    assert (summary["cells"], summary["genes"]) == (CELLS, GENES)
    assert (summary["status"], summary["passes"]) == (fit.status.state, fit.status.passes)
    assert summary["status"] in ("converged", "stopped")
    assert summary["log_marginal_per_cell"] == pytest.approx(float(np.mean(fit.log_marginal)))
    assert 0 <= summary["seconds_without_compilation"] <= summary["seconds"]
    assert summary["peak_memory_mb"] > 1
    assert summary["warnings"] == [words for words in [checks.structure_words(fit)] if words]
    assert "nats per cell" in printed.err
    assert ad.read_h5ad(out).X.sum() == ad.read_h5ad(simulated).X.sum()


@pytest.mark.fit
def test_fit_from_a_shell_on_the_demo(tmp_path: Path) -> None:
    out = tmp_path / "fit.h5ad"
    command = [sys.executable, "-m", "engine", "fit", "demo", "--factors", "2", "--genes", "50"]
    command += ["--max-passes", "2", "--out", str(out), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cells"] == 700
    assert results.load(out).data["source"] == "demo"


def test_options_become_the_configuration(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_fit_iter(monkeypatch, lambda config: [make_progress(1, "converged", config)])
    options = (
        "--model lnmvcp --factors 3 --d-mode low_rank --seed 7 --max-passes 9 --max-seconds 5 "
        "--tolerance 0.01 --precision float64 --capture-prior population --molecules 6e4"
    )
    names = ad.read_h5ad(simulated).var_names[:5].tolist()
    for_genes = ["--genes", ",".join(names), "--reference", names[1]]
    monkeypatch.setattr(results.Fit, "save", lambda fit, path, counts=None: path)
    out = str(tmp_path / "fit.h5ad")
    assert main(["fit", str(simulated), *options.split(), *for_genes, "--out", out]) == 0
    ((counts, config),) = calls
    assert config == LNMConfig(
        capture=True,
        n_factors=3,
        d_mode="low_rank",
        seed=7,
        max_passes=9,
        max_seconds=5.0,
        tolerance=0.01,
        precision="float64",
        capture_prior="population",
        molecules=6e4,
    )
    assert sorted(counts.genes[:-1]) == sorted(names)
    assert counts.genes[counts.reference] == names[1]


def test_defaults_are_those_of_the_engine(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The number is chosen by then.
    done = make_progress(1, "converged", LNMConfig(n_factors=1))
    calls = fake_fit_iter(monkeypatch, lambda config: [done])
    monkeypatch.setattr(results.Fit, "save", lambda fit, path, counts=None: path)
    assert main(["fit", str(simulated), "--out", str(tmp_path / "fit.h5ad")]) == 0
    assert calls[0][1] == LNMConfig()


def test_genes_from_a_file(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_fit_iter(monkeypatch, lambda config: [make_progress(1, "converged", config)])
    monkeypatch.setattr(results.Fit, "save", lambda fit, path, counts=None: path)
    names = ad.read_h5ad(simulated).var_names[:4].tolist()
    listed = tmp_path / "genes.txt"
    listed.write_text("\n".join(names) + "\n\n")
    out = str(tmp_path / "fit.h5ad")
    asked = ["fit", str(simulated), "--genes", str(listed), "--factors", "1", "--out", out]
    assert main(asked) == 0
    assert sorted(calls[0][0].genes[:-1]) == sorted(names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--factors", "201"], "n_factors"),
        (["--model", "lda", "--topics", "0"], "n_topics"),
        (["--model", "lda", "--topic-prior", "-1"], "topic_prior"),
        (["--tolerance", "-1"], "tolerance"),
        (["--genes", "no/such/file"], "no file no/such/file"),
        (["--genes", "missing.txt"], "no file missing.txt"),
        (["--genes", ","], "gene names"),
        (["--genes", "NOT_A_GENE"], "NOT_A_GENE"),
        (["--layer", "nothing"], "nothing"),
        (["--reference", "NOT_A_GENE"], "NOT_A_GENE"),
    ],
)
def test_errors_are_one_message_and_status_2(
    simulated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    fake_fit_iter(monkeypatch, unused)
    out = tmp_path / "fit.h5ad"
    assert main(["fit", str(simulated), *options, "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert not out.exists()


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(tmp_path / "no.h5ad"), "--out", str(tmp_path / "fit.h5ad")]) == 2
    assert "no.h5ad" in capsys.readouterr().err


def test_out_is_checked_before_the_fit(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for out in (simulated, tmp_path, tmp_path / "file" / "fit.h5ad"):
        assert main(["fit", str(simulated), "--out", str(out)]) == 2
        assert "Choose another --out" in capsys.readouterr().err
    assert ad.read_h5ad(simulated).n_obs == CELLS


def test_what_was_not_foreseen_shows_its_traceback_on_request(
    simulated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def steps(config: LNMConfig) -> Iterator[Any]:
        raise ZeroDivisionError("odd")

    fake_fit_iter(monkeypatch, steps)
    command = ["fit", str(simulated), "--out", str(tmp_path / "fit.h5ad")]
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert "Unexpected ZeroDivisionError: odd (--traceback shows where)" in printed
    assert "Traceback" not in printed
    assert main([*command, "--traceback"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["fit", "demo"])
    assert error.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_ctrl_c_keeps_the_best_so_far(
    simulated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pulled = []

    def steps(config: LNMConfig) -> Iterator[Any]:
        for passes in range(5):
            pulled.append(passes)
            if passes == 2:
                signal.raise_signal(signal.SIGINT)
            yield make_progress(passes, config=config)

    fake_fit_iter(monkeypatch, steps)
    before = signal.getsignal(signal.SIGINT)
    out = tmp_path / "fit.h5ad"
    monkeypatch.setattr("engine.data.Counts.matrix", lambda counts: None)
    command = ["fit", str(simulated), "--factors", "1", "--out", str(out), "--json"]
    assert main(command) == 0
    assert pulled == [0, 1, 2]
    summary = json.loads(capsys.readouterr().out)
    assert (summary["status"], summary["passes"]) == ("stopped", 2)
    assert results.load(out).status.reason == "stopped by the user"
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("first", "presses"), [(0, 1), (2, 2)])
def test_ctrl_c_twice_or_before_the_first_pass_saves_nothing(
    simulated: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    first: int,
    presses: int,
) -> None:
    def steps(config: LNMConfig) -> Iterator[Any]:
        for passes in range(5):
            for _ in range(presses if passes == first else 0):
                signal.raise_signal(signal.SIGINT)
            yield make_progress(passes, config=config)

    fake_fit_iter(monkeypatch, steps)
    out = tmp_path / "fit.h5ad"
    assert main(["fit", str(simulated), "--out", str(out)]) == 130
    assert "nothing was saved" in capsys.readouterr().err
    assert not out.exists()


def test_a_fit_that_dies_while_saving_leaves_the_old_file(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = make_fit(3, "converged").save(tmp_path / "fit.h5ad")

    def die(self: ad.AnnData, path: Path, **settings: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("No space left on device")

    fake_fit_iter(monkeypatch, lambda config: [make_progress(1, "converged", config)])
    monkeypatch.setattr(ad.AnnData, "write_h5ad", die)
    monkeypatch.setattr("engine.data.Counts.matrix", lambda counts: None)
    assert main(["fit", str(simulated), "--out", str(out)]) == 2
    assert results.load(out).status.passes == 3
    assert [path.name for path in tmp_path.iterdir()] == ["fit.h5ad"]
