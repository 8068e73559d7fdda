"""``python -m engine uncertainty`` on small fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import engine
from engine import checks
from engine.__main__ import main
from engine.data import Counts
from tests.engine.jobs.real_runs import more_data
from tests.tiny import CELLS, GENES, LDA, LNM

pytestmark = pytest.mark.fit


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "sim.h5ad"
    more_data("lnm").write_h5ad(path)
    return path


def fitted(data: Path) -> Counts:
    return engine.read_counts(data, genes="all").take(np.arange(CELLS))


@pytest.fixture(scope="module")
def fit(data: Path) -> Path:
    # Of some of the cells; those it has not seen are left out.
    found = engine.fit(fitted(data), LNM)
    return found.save(data.with_name("fit.h5ad"))


def test_pairs_of_genes(data: Path, fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = data.with_name("pairs.csv")
    asked = ["uncertainty", str(fit), str(data), "--out", str(out)]
    assert main([*asked, "--genes", "gene_3, gene_1,gene_2"]) == 0
    printed = capsys.readouterr()
    assert "by the delta method" in printed.err
    assert "gene_3" in printed.out
    table = pd.read_csv(out)
    loaded = engine.load(fit)
    assert isinstance(loaded, engine.Fit)
    genes = loaded.genes.get_indexer(["gene_3", "gene_1", "gene_2"])
    found = checks.uncertainty(loaded, fitted(data)).correlation(genes)
    pair = table[(table["gene_1"] == "gene_3") & (table["gene_2"] == "gene_2")].iloc[0]
    names = ["correlation", "standard_error", "low_90", "high_90", "lfsr"]
    names += ["shrunken", "shrunken_low_90", "shrunken_high_90", "fsos", "s_value"]
    expected = [array[0, 2] for array in found]
    np.testing.assert_allclose(pair[names].astype(float), expected, rtol=1e-6)
    assert table["fsos"].is_monotonic_increasing

    assert main([*asked, "--method", "bootstrap", "--n-boot", "3"]) == 0
    assert "by 3 replicates" in capsys.readouterr().err
    assert len(pd.read_csv(out)) == (GENES - 1) * (GENES - 2) / 2


def test_topics(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = engine.fit(fitted(data), LDA).save(data.with_name("topics.h5ad"))
    out = data.with_name("topics.csv")
    asked = ["uncertainty", str(path), str(data), "--n-boot", "3", "--out", str(out)]
    assert main(asked) == 0
    table = pd.read_csv(out)
    assert len(table) == 40
    assert (table["low_90"] <= table["probability"]).all()
    assert table["share_in_top_20"].between(0, 1).all()
    assert table["lfsr"].between(0, 1).all()
    assert main([*asked, "--genes", "gene_5"]) == 0
    assert list(pd.read_csv(out)["gene"]) == ["gene_5", "gene_5"]
    capsys.readouterr()
    assert main([*asked, "--method", "delta"]) == 2
    assert "Use the bootstrap instead." in capsys.readouterr().err


def test_what_cannot_be_done(data: Path, fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(data.with_name("none.csv"))
    assert main(["uncertainty", str(fit), str(data), "--genes", "nobody", "--out", out]) == 2
    assert "nobody" in capsys.readouterr().err
    assert main(["uncertainty", str(fit), str(data), "--out", str(data)]) == 2
    assert "Choose another --out" in capsys.readouterr().err
    assert not Path(out).exists()
