"""``python -m engine report``."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard.export import fit_file
from engine.__main__ import main
from engine.data import DataRequest
from engine.jobs import JobStatus, check_file, factor_names
from engine.jobs.store import FIT, RunStore
from engine.registry import Config
from engine.results import AnyFit, Fit, load
from tests.dashboard.synthetic import make_fit
from tests.dashboard.test_report import CHECKED, NOT_CHECKED, SCORE, Read
from tests.tiny import LDA, LNM, tiny_counts, tiny_fit

pytestmark = pytest.mark.fit


def test_a_saved_fit_becomes_a_report(tmp_path: Path) -> None:
    fit = make_fit(20, 12, 2).save(tmp_path / "my fit.h5ad")
    out, bundle = tmp_path / "new" / "report.html", tmp_path / "figures.zip"
    assert main(["report", str(fit), "--out", str(out), "--no-umap", "--zip", str(bundle)]) == 0
    text = Read(out.read_text("utf-8")).text
    assert "my fit" in text
    assert "factor 1 score (prior sd)" in text
    assert "README.txt" in zipfile.ZipFile(bundle).namelist()


def test_a_run_brings_what_is_kept_with_it_and_a_file_its_umap(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    request = DataRequest("demo", genes=60)
    made = JobStatus.new("fit", "my run", request=request.to_dict(), config={}, holdout=0.1)
    lock = store.create(made)
    store.write_status(replace(made, state="done", score=SCORE))
    lock.release()
    fit = make_fit(20, 12, 2).save(store.path(made.id, FIT))
    passes = load(fit).status.passes
    rows = [{"group": "all cells", "discrepancy": "mean", "n_genes": 7}]
    summary = CHECKED | {"misfits": rows, "passes": passes}
    check_file.keep(store.path(made.id), "map", summary)
    factor_names.write(store.path(made.id), ["my factor", "b"], passes)
    with fit_file(fit, np.zeros((20, 2))) as known:
        known.replace(fit)
    out = tmp_path / "report.html"
    assert main(["report", str(fit), "--out", str(out)]) == 0
    text = Read(out.read_text("utf-8")).text
    for words in ("my run", "my factor", "123.5", "7 genes", "--genes 60 --holdout 0.1", "UMAP 1"):
        assert words in text


@pytest.mark.parametrize("config", [LNM, LDA], ids=lambda config: config.model)
def test_a_check_from_a_shell_is_that_of_this_very_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Config
) -> None:
    def report(path: Path) -> list[str]:
        out = tmp_path / "report.html"
        assert main(["report", str(path), "--out", str(out), "--no-umap"]) == 0
        return Read(out.read_text("utf-8")).words

    warning = "Laplace should not be trusted."
    monkeypatch.setattr("engine.checks.laplace_check._warning", lambda *_: warning)
    monkeypatch.setattr("dashboard.report.from_shell.complete", lambda *_: [])
    fit, counts = tiny_fit(config), tiny_counts(config.model)
    # Too short a one to be drawn.
    fit = replace(fit, trace=fit.trace[:1])
    path = fit.save(tmp_path / "fit.h5ad", counts=counts.matrix())
    other = fit.save(tmp_path / "fit", counts=counts.matrix())
    assert NOT_CHECKED in report(path)
    assert main(["check", str(path), "--draws", "20"]) == 0
    words = report(path)
    assert any("20 replicates drawn from the fit" in line for line in words)
    assert (warning in words) == isinstance(fit, Fit)
    assert NOT_CHECKED not in words
    # Nothing is known of a file beside it, nor of another fit saved in its place.
    assert NOT_CHECKED in report(other)
    if isinstance(fit, Fit):
        later: AnyFit = replace(fit, loadings=1.01 * fit.loadings)
    else:
        later = replace(fit, proportions=fit.proportions[::-1])
    assert later.status.passes == fit.status.passes
    later.save(path)
    assert NOT_CHECKED in report(path)
    # Other factor names do not make it another fit.
    named = replace(fit, names=tuple(f"mine {j}" for j in range(fit.n_factors)))
    named.save(path)
    assert NOT_CHECKED not in report(path)


def test_what_cannot_be_written_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = make_fit(cells=20).save(tmp_path / "fit.h5ad")
    assert main(["report", str(fit), "--out", str(fit)]) == 2
    same = str(tmp_path / "a")
    assert main(["report", str(fit), "--out", same, "--zip", same]) == 2
    with h5py.File(tmp_path / "other.h5ad", "w"):
        pass
    assert main(["report", str(tmp_path / "other.h5ad"), "--out", same]) == 2
    assert capsys.readouterr().err.count("Expected") == 3
