from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import results
from engine.__main__ import main
from tests.engine.jobs.real_runs import HOLDOUT, more_data
from tests.engine.shell.test_commands import KEYS
from tests.tiny import CELLS, GENES, tiny_data

pytestmark = pytest.mark.fit


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    path = tmp_path / "sim.h5ad"
    tiny_data("lda").write_h5ad(path)
    return path


@pytest.mark.parametrize(("inference", "budget"), [("em", "--max-passes"), ("vae", "--max-epochs")])
def test_topics_from_a_shell(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], inference: str, budget: str
) -> None:
    out = tmp_path / "fit.h5ad"
    command = ["fit", str(simulated), "--model", "lda", "--topics", "2", "--genes", "all"]
    options = ["--inference", inference, budget, "2"]
    options += ["--topic-prior", "0.3", "--seed", "1", "--set", "n_starts=1", "--set", "hidden=8"]
    assert main([*command, *options, "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    fit = results.load(out)
    assert isinstance(fit, results.TopicFit)
    assert (fit.n_topics, fit.config.inference, fit.config.topic_prior) == (2, inference, 0.3)
    assert summary.keys() >= KEYS
    assert (summary["model"], summary["factors"]) == ("lda", 2)
    assert summary["passes"] == fit.status.passes


@pytest.mark.parametrize("model", ["lnm", "lnmvcp"])
def test_log_ratios_by_an_encoder_from_a_shell(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    out = tmp_path / "fit.h5ad"
    command = ["fit", str(simulated), "--model", model, "--factors", "2", "--genes", "all"]
    options = ["--inference", "vae", "--max-epochs", "2", "--seed", "1", "--set", "hidden=8"]
    assert main([*command, *options, "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    fit = results.load(out)
    assert isinstance(fit, results.Fit)
    assert (fit.model, fit.config.inference, summary["passes"]) == (model, "vae", 2)
    assert fit.encoder
    assert main(["score", str(out), str(simulated), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["perplexity"] > 1


@pytest.mark.parametrize(("model", "inference"), [("lda", "laplace"), ("lnm", "em")])
def test_an_inference_of_another_model_is_refused(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, inference: str
) -> None:
    command = ["fit", str(simulated), "--model", model, "--inference", inference]
    assert main([*command, "--out", str(tmp_path / "fit.h5ad")]) == 2
    told = capsys.readouterr().err
    assert f"found '{inference}'" in told
    assert "'vae'" in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--model lda --factors 10", "options of --model lda; found --factors"),
        ("--model lnm --topics 3", "options of --model lnm; found --topics, which is of lda"),
        ("--topic-prior 0.1", "found --topic-prior"),
        ("--molecules 1e5", "found --molecules, which is of lnmvcp"),
        ("--model lda --d-mode learned", "which is of lnm and lnmvcp"),
        ("--max-epochs 3", "options of --inference laplace; found --max-epochs"),
        ("--inference vae --max-passes 3", "options of --inference vae; found --max-passes"),
        ("--model lda --inference vae --draws 90", "found --draws, which is of nuts"),
    ],
)
def test_options_of_another_model_or_inference_are_refused(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, told: str
) -> None:
    """Even with the value that they have by default, and before anything is read."""
    out = tmp_path / "fit.h5ad"
    assert main(["fit", str(simulated), *given.split(), "--out", str(out)]) == 2
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_a_sweep_refuses_them_too(simulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sweep", str(simulated), "--values", "1,2", "--feature-prior", "0.1"]
    assert main(command) == 2
    assert "found --feature-prior, which is of lda" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option is deprecated")
def test_a_fit_is_scored_at_once_and_from_its_file(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fit.h5ad"
    data, few = tmp_path / "more.h5ad", tmp_path / "few.h5ad"
    more = more_data(genes=30)
    more.write_h5ad(data)
    more[:20].copy().write_h5ad(few)
    command = ["fit", str(data), "--factors", "2", "--genes", str(GENES - 1), "--max-passes", "3"]
    more_of = ["--holdout", str(HOLDOUT), "--split"]
    assert main([*command, *more_of, "--out", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    summary = json.loads(printed.out.splitlines()[-1])
    assert summary["cells"] == CELLS
    assert summary["score"]["n_cells"] + summary["score"]["n_left_out"] == 20
    assert 1 < summary["score"]["perplexity"] < 100
    assert "document completion" in printed.err
    found = results.load(out)
    kept = found.data
    share = found.total_counts.sum() / more[found.cells].X.sum()
    assert kept["split"]
    assert share == pytest.approx(0.5, abs=0.03)
    assert (kept["score"], kept["holdout"]) == (summary["score"], HOLDOUT)
    assert kept["request"]["genes"] == GENES - 1

    # The data hold more genes than the fit: they are pooled.
    assert main(["score", str(out), str(few), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert (scored["model"], scored["n_features"], scored["n_cells"]) == ("lnm", GENES, 20)
    assert scored["log_marginal_per_cell"] < 0
    assert main(["score", str(simulated), str(simulated)]) == 2
    assert "Fit.save" in capsys.readouterr().err


def test_chains_of_nuts_are_set_from_a_shell(
    simulated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Refused before anything is read: what they do is tested where it is done."""
    out = tmp_path / "fit.h5ad"
    command = ["fit", str(simulated), "--inference", "nuts", "--out", str(out)]
    for option, told in (
        ("--draws", "n_draws"),
        ("--warmup", "n_warmup"),
        ("--chains", "n_chains"),
    ):
        assert main([*command, option, "1"]) == 2
        assert f"{told} to be a whole number" in capsys.readouterr().err
    assert not out.exists()
