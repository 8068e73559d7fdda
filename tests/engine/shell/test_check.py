"""``python -m engine check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest

from engine.__main__ import main
from engine.checks.predictive.check_settings import CheckTotals
from engine.fitting.predictive import Mode
from engine.jobs.check_file import FILE
from engine.shell.commands import check
from tests.engine.checks.predictive.truth import draw, simulated


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    """A fit without its counts, and the counts, with a column of labels."""
    adata = draw("lnm")
    adata.obs["half"] = ["a", "b"] * (adata.n_obs // 2)
    data = tmp_path / "counts.h5ad"
    adata.write_h5ad(data)
    return simulated("lnm")[0].save(tmp_path / "fit.h5ad"), data


@pytest.fixture(autouse=True)
def _few_cells_by_importance_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these find of the approximation is tested elsewhere, with as many as users have."""
    monkeypatch.setattr("engine.jobs.checking._MOST_LAPLACE_CELLS", 20)


@pytest.mark.slow
def test_a_table_and_json(
    saved: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit, data = saved
    out = tmp_path / "new" / "table.csv"
    command = ["check", str(fit), str(data), "--draws", "20", "--groups", "half", "--json"]
    assert main([*command, "--genes", "gene_3, gene_4", "--out", str(out)]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["model"], summary["mode"], summary["n_draws"]) == ("lnm", "laplace", 20)
    assert (summary["cells"], summary["findings"]) == (300, [])
    assert set(pd.read_csv(out)["group"]) == {"all cells", "a", "b"}


@pytest.mark.slow
def test_words_and_the_counts_of_the_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit, counts = simulated("lnm")
    path = fit.save(tmp_path / "fit.h5ad", counts=counts.matrix())
    assert main(["check", str(path), "--draws", "20", "--totals", "model"]) == 0
    printed = capsys.readouterr().out
    assert "discrepancy" in printed.splitlines()[0]
    assert "No misfit" in printed


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--groups", "nothing"], "column of labels: .*half"),
        (["--draws", "3"], "n_draws"),
        (["--genes", "nobody"], "unknown"),
    ],
)
def test_errors(
    saved: tuple[Path, Path], capsys: pytest.CaptureFixture[str], more: list[str], words: str
) -> None:
    assert main(["check", *map(str, saved), *more]) == 2
    assert pd.Series(capsys.readouterr().err).str.contains(words)[0]


@pytest.mark.slow
def test_the_approximation_is_tested_and_the_summary_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, counts = simulated("lnm")
    run = tmp_path / "runs" / "mine"
    path = fit.save(run / "fit.h5ad", counts=counts.matrix())
    command = ["check", str(path), "--draws", "20"]
    monkeypatch.setattr("engine.checks.laplace_check._warning", lambda *_: "Do not trust Laplace.")
    assert main([*command, "--mode", "map"]) == 0
    assert "Warning: Do not trust Laplace." in capsys.readouterr().out
    assert json.loads((run / "fit.h5ad.check.json").read_text()).keys() == {"map"}
    # In the folder of a run it is where the page looks for it.
    (run / "run.json").write_text("{}")
    monkeypatch.chdir(run)
    assert main(["check", "fit.h5ad", "--draws", "20", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((run / FILE).read_text()) == {"laplace": printed}
    assert printed["laplace"] == "Do not trust Laplace."
    assert printed["passes"] == fit.status.passes

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no luck")

    monkeypatch.setattr("engine.checks.laplace_quality_iter", fail)
    monkeypatch.setattr("engine.jobs.check_file.write_json", denied)
    assert main(["check", "fit.h5ad", "--draws", "20"]) == 0
    said = capsys.readouterr()
    assert "testing the approximation failed: Unexpected ValueError: no luck" in said.err
    assert "The summary could not be kept" in said.err
    assert "No misfit" in said.out


def denied(*_: object) -> None:
    raise PermissionError("read-only")


def test_a_fit_without_counts(saved: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(saved[0])]) == 2
    assert "Name DATA" in capsys.readouterr().err


def test_choices_are_those_of_the_engine() -> None:
    assert get_args(Mode) == check.MODES
    assert get_args(CheckTotals) == check.TOTALS
