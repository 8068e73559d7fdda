"""Which counts the commands on a saved fit read, and which they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from engine.__main__ import main
from engine.data import simulate
from tests.engine.jobs.real_runs import HOLDOUT, MORE_CELLS
from tests.tiny import CELLS, GENES

pytestmark = pytest.mark.fit

# Genes that the fit does not have one by one are pooled: with those, it has GENES of them.
SIZES = {"cells": MORE_CELLS, "genes": 30, "factors": 2, "mean_total": 300.0}


def measured() -> ad.AnnData:
    """Counts in a layer and with library sizes, both of which have to be asked for."""
    adata = simulate("lnm", seed=2, **SIZES)
    adata.layers["mine"] = adata.X.copy()
    adata.X = simulate("lnm", seed=9, **SIZES).X
    totals = np.asarray(adata.layers["mine"].sum(1)).ravel()
    adata.obs["lib"] = 40 * np.maximum(totals, np.asarray(adata.X.sum(1)).ravel())
    adata.obs["half"] = ["a", "b"] * (MORE_CELLS // 2)
    return adata


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "sim.h5ad"
    measured().write_h5ad(path)
    return path


@pytest.fixture(scope="module")
def few(data: Path) -> Path:
    """Some cells of the data, as many as are set aside."""
    path = data.with_name("few.h5ad")
    measured()[:20].copy().write_h5ad(path)
    return path


@pytest.fixture(scope="module")
def fit(data: Path) -> Path:
    out = data.with_name("fit.h5ad")
    command = ["fit", str(data), "--layer", "mine", "--library-size", "lib"]
    more = ["--genes", str(GENES - 1), "--factors", "2", "--max-passes", "3"]
    more += ["--holdout", str(HOLDOUT)]
    assert main([*command, *more, "--out", str(out)]) == 0
    return out


def test_data_are_read_as_they_were_for_the_fit(
    data: Path, fit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for given in ([], [str(data)]):
        out = tmp_path / "pairs.csv"
        assert main(["uncertainty", str(fit), *given, "--out", str(out)]) == 0
        pairs = pd.read_csv(out)
        capsys.readouterr()
        assert main(["check", str(fit), *given, "--draws", "20", "--out", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["cells"] == CELLS
        found.append((pairs, pd.read_csv(out)))
    for kept, read in zip(*found, strict=True):
        pd.testing.assert_frame_equal(kept, read, rtol=1e-5)


def test_held_out_cells_are_read_so_unless_told_otherwise(
    few: Path, fit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = []
    for more in (
        [],
        ["--layer", "mine", "--library-size", "lib"],
        ["--library-size", ""],
        ["--layer", "X"],
    ):
        assert main(["score", str(fit), str(few), *more, "--json"]) == 0
        scores.append(json.loads(capsys.readouterr().out))
    assert scores[0] == scores[1]
    assert scores[0]["n_counts"] > 10 * scores[2]["n_counts"]
    assert scores[3]["perplexity"] != scores[0]["perplexity"]


def shuffled(adata: ad.AnnData) -> ad.AnnData:
    order = np.random.default_rng(0).permutation(adata.n_obs)
    other = adata[order].copy()
    other.obs_names = adata.obs_names
    return other


def other_counts(adata: ad.AnnData) -> ad.AnnData:
    other = adata.copy()
    other.layers["mine"] = other.X
    other.obs["lib"] = 40 * np.asarray(other.X.sum(1)).ravel()
    return other


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shuffled, "other totals in other for"),
        (other_counts, "other totals in other for"),
        (lambda adata: adata[:-20].copy(), "missing in other, the first"),
    ],
)
@pytest.mark.parametrize("command", ["uncertainty", "check"])
def test_other_cells_are_refused(
    fit: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[ad.AnnData], ad.AnnData],
    words: str,
    command: str,
) -> None:
    path, out = tmp_path / "other.h5ad", tmp_path / "table.csv"
    change(measured()).write_h5ad(path)
    assert main([command, str(fit), str(path), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "with the same layer and library size, or fit again" in said
    assert not out.exists()


def test_other_library_sizes_are_refused(
    data: Path, fit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(fit), str(data), "--library-size", ""]) == 2
    assert "other totals in sim for 80 of 80 cells" in capsys.readouterr().err


def test_rows_may_come_in_another_order(
    data: Path, fit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adata = measured()
    path = tmp_path / "sorted.h5ad"
    adata[::-1].copy().write_h5ad(path)
    tables = []
    for source in (data, path):
        out = tmp_path / "table.csv"
        command = ["check", str(fit), str(source), "--draws", "20", "--groups", "half"]
        assert main([*command, "--out", str(out)]) == 0
        tables.append(pd.read_csv(out))
    pd.testing.assert_frame_equal(*tables)
