"""Runs side by side: what is the same data, and how much better one run is than another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.checks import CellScores, Contender, check_same_data, compare
from engine.checks.comparison import common, paired_marginal, paired_score
from engine.errors import DataError
from engine.lda.config import LDAConfig
from engine.lnm.config import LNMConfig
from engine.registry import Config
from engine.results import Outline

CELLS = pd.Index([f"cell{c}" for c in range(50)])
TOTALS = np.arange(50) + 100.0

LNM = LNMConfig(n_factors=1)


def about(**changes: Any) -> Outline:
    genes = pd.Index(["a", "b", "_other"])
    made = Outline("print", CELLS, genes, TOTALS, np.linspace(-20, -10, 50), False)
    return replace(made, **changes)


def part(cells: np.ndarray, **changes: Any) -> Outline:
    whole = about(**changes)
    marginal = None if whole.log_marginal is None else whole.log_marginal[cells]
    return replace(
        whole,
        fingerprint="of a part",
        cells=whole.cells[cells],
        total_counts=whole.total_counts[cells],
        log_marginal=marginal,
    )


def run(
    id: str, config: Config, outline: Outline, cells: CellScores | None = None, **more: Any
) -> Contender:
    score = None
    if cells is not None:
        mean = float(cells.log_likelihood.sum() / cells.n_counts.sum())
        score = {"log_likelihood_per_count": mean, "perplexity": float(np.exp(-mean))}
    return Contender(id, f"run {id}", "done", config, 3.0, 12, score, cells, outline, **more)


def checked(**modes: int) -> dict[str, dict[str, Any]]:
    return {mode: {"misfits": {"gene": n}, "n_draws": 100} for mode, n in modes.items()}


def scored(gain: float = 0.0, noise: float = 0.0, names: str = "held") -> CellScores:
    rng = np.random.default_rng(0)
    counts = rng.integers(50, 200, 400)
    hard = rng.normal(-4, 1.5, 400) * counts
    values = hard + counts * (gain + noise * rng.normal(size=400))
    return CellScores(np.array([f"{names}{c}" for c in range(400)]), values, counts)


class TestSameData:
    def test_same_fingerprint(self) -> None:
        check_same_data(about(), about(cells=CELLS[:3]), "x")

    def test_part_of_the_cells_and_other_genes(self) -> None:
        cells = np.array([40, 3, 17])
        other = part(cells, genes=pd.Index(["c"]))
        check_same_data(about(), other, "x")
        here, there = common(about(), other)
        assert list(CELLS[here]) == list(other.cells[there]) == ["cell3", "cell17", "cell40"]

    def test_cells_of_other_names(self) -> None:
        other = part(np.arange(5))
        other = replace(other, cells=pd.Index([f"x{c}" for c in range(5)]))
        with pytest.raises(DataError, match="no cell of the same name in 'old run'"):
            check_same_data(about(), other, "old run")

    def test_other_counts_of_the_same_names(self) -> None:
        other = part(np.arange(10))
        totals = other.total_counts.copy()
        totals[[2, 5]] += 1
        with pytest.raises(DataError, match="other total counts in 2 of 10 common cells of 'x'"):
            check_same_data(about(), replace(other, total_counts=totals), "x")


class TestPaired:
    def test_a_gain_of_every_count_is_certain(self) -> None:
        gain, error = paired_score(scored(), scored(0.25)) or (0, 0)
        assert gain == pytest.approx(0.25)
        assert error == pytest.approx(0, abs=1e-9)

    def test_error_is_that_of_the_differences_alone(self) -> None:
        gain, error = paired_score(scored(), scored(0.1, noise=0.2)) or (0, 0)
        # 400 cells, noise of sd 0.2 a count; the spread between cells, 1.5, does not enter
        assert error == pytest.approx(0.2 / np.sqrt(400), rel=0.2)
        assert gain == pytest.approx(0.1, abs=4 * error)
        there = paired_score(scored(0.1, noise=0.2), scored())
        assert there == pytest.approx((-gain, error))

    def test_other_cells_do_not_pair(self) -> None:
        other = scored()
        assert paired_score(scored(), scored(names="others")) is None
        assert paired_score(scored(), replace(other, n_counts=other.n_counts + 1)) is None

    def test_marginals_of_the_common_cells(self) -> None:
        cells = np.arange(10, 30)
        other = part(cells)
        assert other.log_marginal is not None
        shifted = replace(other, log_marginal=other.log_marginal + np.tile([1.0, 3.0], 10))
        gain, error = paired_marginal(about(), shifted) or (0, 0)
        assert gain == pytest.approx(2)
        assert error == pytest.approx(np.sqrt(20 / 19) / np.sqrt(20))

    def test_marginals_that_do_not_compare(self) -> None:
        assert paired_marginal(about(), about(log_marginal=None)) is None
        assert paired_marginal(about(), about(genes=pd.Index(["a", "c", "_other"]))) is None
        assert paired_marginal(about(), about(genes=pd.Index(["b", "a", "_other"]))) is not None


@pytest.mark.parametrize(
    ("modes", "mode", "misfits"),
    [
        ([{"map": 3393, "laplace": 92}, {"laplace": 80}], "laplace", [92, 80]),
        ([{"map": 3393, "laplace": 92}, {"map": 3000}], "map", [3393, 3000]),
        ([{"map": 3393}, {"laplace": 80}], "laplace", [np.nan, 80]),
        ([{"laplace": 92}, {"population": 5}, {"population": 6}], "population", [np.nan, 5, 6]),
    ],
)
def test_misfits_are_of_one_mode(
    modes: list[dict[str, int]], mode: str, misfits: list[float]
) -> None:
    runs = [
        run(str(place), LNM, about(), checked=checked(**found)) for place, found in enumerate(modes)
    ]
    table = compare(runs)
    np.testing.assert_array_equal(table["misfits"], misfits)
    assert list(table["check"]) == ["" if np.isnan(count) else mode for count in misfits]


def test_table() -> None:
    half = part(np.arange(25), log_marginal=np.full(50, -12.0))
    table = compare(
        [
            run("a", LNMConfig(n_factors=3, seed=4), about(), scored(), checked=checked(map=2)),
            run("b", LNMConfig(capture=True, n_factors=5, seed=4), half, scored(0.1)),
            run("c", LDAConfig(n_topics=7), about(log_marginal=None), scored(names="x")),
            run("d", LNMConfig(n_factors=10, inference="vae"), about(genes=pd.Index(["z"]))),
        ]
    )
    assert list(table["run"]) == ["run a", "run b", "run c", "run d"]
    assert list(table["model"]) == ["lnm", "lnmvcp", "lda", "lnm"]
    assert list(table["inference"]) == ["laplace", "laplace", "em", "vae"]
    assert list(table["size"])[:3] == [3, 5, 7]
    assert list(table["scored"]) == ["same cells", "same cells", "other cells", "not scored"]
    np.testing.assert_allclose(table["gain"], [0, 0.1, np.nan, np.nan], atol=1e-9)
    np.testing.assert_allclose(table["perplexity"], np.exp(-table["score"]))
    assert table["log_marginal"].iloc[1] == -12
    assert list(np.isnan(table["marginal_gain"])) == [False, False, True, True]
    np.testing.assert_array_equal(table["misfits"], [2, np.nan, np.nan, np.nan])
    assert table.loc["a", "misfits: gene"] == 2
    assert list(table["check"]) == ["map", "", "", ""]
    assert table.loc["a", "draws"] == 100
    assert table.loc["a", "seed"] == 4


def test_genes_that_differ_are_not_compared_by_score() -> None:
    other = run("b", LNM, about(genes=pd.Index(["a", "c"])), scored())
    table = compare([run("a", LNM, about(), scored()), other])
    assert list(table["scored"]) == ["same cells", "other genes"]
    alone = compare(
        [
            run("a", LNM, about()),
            run("b", LNM, about(), scored()),
        ]
    )
    assert list(alone["scored"]) == ["not scored", "open run not scored"]
