"""``python -m engine coefficients``, ``differences`` and ``differential`` on small fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine import checks
from engine.__main__ import main
from engine.errors import ConfigError
from engine.shell.group_options import group_of, groups_of_options
from tests.tiny import CELLS, GENES, LDA, LNM, tiny_counts, tiny_data, tiny_fit

LABELS = pd.DataFrame(
    {
        "cell type": np.where(np.arange(CELLS) % 2, "NK cells", "B"),
        "a=b": np.arange(CELLS) % 4,
        "ill": np.arange(CELLS) % 2 == 0,
        "score": np.arange(CELLS) % 4 / 1.0,
        "donor": [f"d{c % 8}" for c in range(CELLS)],
    },
    index=[f"cell_{c}" for c in range(CELLS)],
)


class TestGroup:
    @pytest.mark.parametrize(
        ("text", "column", "level"),
        [
            ("cell type=NK cells", "cell type", "NK cells"),
            (" cell type = B ", "cell type", "B"),
            ("a=b=3", "a=b", 3),
            ("ill=True", "ill", True),
            ("score=2", "score", 2.0),
        ],
    )
    def test_is_that_of_a_level(self, text: str, column: str, level: object) -> None:
        np.testing.assert_array_equal(group_of(LABELS, text, "--a"), LABELS[column] == level)

    def test_a_list_that_is_cut_says_how_many_more_there_are(self) -> None:
        many = pd.DataFrame({f"c{j}": ["a"] for j in range(25)})
        with pytest.raises(ConfigError, match="c18, c19, … and 5 more; found 'gone=a'"):
            group_of(many, "gone=a", "--a")

    def test_cells_without_a_value_are_not_among_all_others(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        labels = pd.DataFrame({"treat": ["a", "b", None, "nan", "a"]})
        one, rest = groups_of_options(labels, "treat=a", None)
        assert (one.tolist(), rest.tolist()) == (
            [True, False, False, False, True],
            [False, True, False, True, False],
        )
        assert "1 cells have no treat" in capsys.readouterr().err
        assert groups_of_options(labels, "treat=a", "treat=b")[1].tolist() == [
            False,
            True,
            *[False] * 3,
        ]

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("NK cells", "COLUMN=LEVEL"),
            ("type=B", "cell type"),
            ("cell type=T", "B, NK cells"),
            ("cell type=", "B, NK cells"),
            ("=B", "COLUMN=LEVEL"),
        ],
    )
    def test_unless_there_is_none(self, text: str, told: str) -> None:
        with pytest.raises(ConfigError, match="--b") as caught:
            group_of(LABELS, text, "--b")
        assert told in caught.value.expected


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With its counts, labels and a condition among its covariates."""
    folder = tmp_path_factory.mktemp("fits")
    data = tiny_data()
    data.obs = data.obs.assign(**{name: LABELS[name].to_numpy() for name in LABELS})
    data.write_h5ad(folder / "sim.h5ad")
    told = ["fit", str(folder / "sim.h5ad"), "--factors", "2", "--genes", "all", "--seed", "1"]
    told += ["--max-passes", "5", "--formula", "~ ill + (1 | a=b)"]
    assert main([*told, "--out", str(folder / "fit.h5ad")]) == 0
    return folder / "fit.h5ad"


@pytest.mark.fit
def test_coefficients(fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = fit.with_name("coefficients.csv")
    assert main(["coefficients", str(fit), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "ill[True]" in printed.out
    # Two levels have either.
    assert "Not tested: ill[True]" in printed.err
    assert len(pd.read_csv(out)) == GENES - 1
    plain = tiny_fit(LNM).save(fit.with_name("plain.h5ad"), counts=tiny_counts().matrix())
    assert main(["coefficients", str(plain), "--out", str(out)]) == 2
    assert "Fit with a formula" in capsys.readouterr().err


@pytest.mark.fit
def test_differences(fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = fit.with_name("differences.csv")
    asked = ["differences", str(fit), "--out", str(out), "--a", "cell type=NK cells"]
    assert main(asked) == 0
    printed = capsys.readouterr()
    assert "40 against 40 cells" in printed.err
    assert "Note: Differences are total" in printed.err
    table = pd.read_csv(out)
    assert list(table.columns[:3]) == ["gene", "difference", "fold_change"]
    told = {"group": "cell type=NK cells", "against": "the rest", "unit": "cell"}
    assert table[list(told)].drop_duplicates().to_dict("records") == [told]
    assert main([*asked, "--b", "cell type=B", "--donor", "donor"]) == 0
    assert "4 against 4 donors" in capsys.readouterr().err
    assert main([*asked, "--b", "cell type=NK cells"]) == 2
    assert "40 cells in both" in capsys.readouterr().err
    assert main([*asked, "--donor", "nobody"]) == 2
    assert "'nobody'" in capsys.readouterr().err


@pytest.mark.fit
def test_latent_differences(fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = fit.with_name("latents.csv")
    topics = tiny_fit(LDA)
    labels = LABELS.set_axis(topics.obs.index)
    path = replace(topics, obs=labels).save(  # type: ignore[type-var]
        fit.with_name("topics_counts.h5ad"), counts=tiny_counts("lda").matrix()
    )
    for saved, latent in ((fit, "factor"), (path, "topic")):
        asked = ["latent-differences", str(saved), "--out", str(out), "--a", "cell type=NK cells"]
        assert main([*asked, "--donor", "donor"]) == 0
        assert f"2 {latent}s, 4 against 4 donors" in capsys.readouterr().err
        table = pd.read_csv(out)
        assert table.columns[0] == latent
        assert {"difference", "mean_a", "p_value"} <= set(table)
        assert set(table["unit"]) == {"donor"}


@pytest.mark.fit
def test_differential_by(fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = fit.with_name("changes_by.csv")
    asked = ["differential-by", str(fit), "--out", str(out), "--genes", "gene_1,gene_2,gene_3"]
    assert main([*asked, "--by", "cell type"]) == 0
    printed = capsys.readouterr().err
    assert "3 pairs, 40 against 40 cells (NK cells against B)" in printed
    assert "Note: Left out of the formula of each part: ill" in printed
    by_column = pd.read_csv(out)
    assert main([*asked, "--a", "cell type=NK cells"]) == 0
    by_level = pd.read_csv(out)
    names = [
        tuple(table.pop(name)[0] for name in ("group", "against"))
        for table in (by_column, by_level)
    ]
    assert names == [("NK cells", "B"), ("cell type=NK cells", "the rest")]
    pd.testing.assert_frame_equal(by_level, by_column)
    for wrong in ([], ["--by", "ill", "--a", "ill=True"], ["--by", "ill", "--b", "ill=True"]):
        assert main([*asked, *wrong]) == 2
        assert "either --by COLUMN" in capsys.readouterr().err


@pytest.mark.fit
def test_differential(fit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = tiny_fit(LNM)
    # The same counts in cells of other names, of another source.
    other = replace(one, cells=one.cells + "b", data=one.data | {"source": "another"})
    paths = [fit.with_name(name) for name in ("a.h5ad", "b.h5ad")]
    for own, path in zip((one, other), paths, strict=True):
        own.save(path, counts=tiny_counts().matrix())
    out = fit.with_name("changes.csv")
    asked = ["differential", *map(str, paths), "--out", str(out)]
    assert main([*asked, "--genes", "gene_1, gene_2,gene_3"]) == 0
    assert "3 pairs" in capsys.readouterr().err
    table = pd.read_csv(out)
    np.testing.assert_allclose(table["change"], 0, atol=1e-6)
    assert set(table["group"] + table["against"] + table["unit"]) == {"a.h5adb.h5adcell"}
    known = checks.uncertainty(one, tiny_counts()).correlation(
        one.genes.get_indexer(["gene_1", "gene_2"])
    )
    pair = table[(table["gene_1"] == "gene_1") & (table["gene_2"] == "gene_2")].iloc[0]
    assert pair["correlation_a"] == pytest.approx(known.correlation[0, 1], rel=1e-5)
    assert main(["differential", str(paths[0]), str(paths[0]), "--out", str(out)]) == 2
    assert "80 cells in both" in capsys.readouterr().err
    topics = tiny_fit(LDA).save(fit.with_name("topics.h5ad"))
    assert main(["differential", str(paths[0]), str(topics), "--out", str(out)]) == 2
    assert "LNM or LNMVCP" in capsys.readouterr().err
