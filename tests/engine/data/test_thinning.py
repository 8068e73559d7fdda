from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine import DataError
from engine.data import Counts
from engine.data.report import Report
from engine.data.thinning import thin
from tests.engine.problems import counts_of, dense


@pytest.fixture(scope="module")
def counts() -> Counts:
    rng = np.random.default_rng(0)
    return counts_of(rng.poisson(3, (300, 20)))


def test_the_parts_add_up(counts: Counts) -> None:
    halves = thin(counts, 0)
    assert halves.n_left_out == 0
    np.testing.assert_array_equal(dense(halves.first) + dense(halves.second), dense(counts))
    for half in halves[:2]:
        np.testing.assert_array_equal(half.totals, dense(half).sum(1))
        assert half.cells.equals(counts.cells)


def test_each_count_goes_either_way(counts: Counts) -> None:
    first = dense(thin(counts, 1).first)
    whole = dense(counts)
    assert first.sum() / whole.sum() == pytest.approx(0.5, abs=0.02)
    # Given the whole, the variance is that of binomial draws.
    deviation = (first - whole / 2)[whole > 0] / np.sqrt(whole[whole > 0] / 4)
    assert deviation.std() == pytest.approx(1, abs=0.03)
    share = dense(thin(counts, 1, share=0.2).first).sum() / whole.sum()
    assert share == pytest.approx(0.2, abs=0.02)


def test_the_seed_decides(counts: Counts) -> None:
    one, same, other = (dense(thin(counts, seed).first) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_cells_without_a_count_in_a_part_are_left_out() -> None:
    matrix = np.vstack([np.eye(3, dtype=int), np.full((2, 3), 50)])
    halves = thin(counts_of(matrix), 0)
    assert halves.n_left_out == 3
    assert list(halves.first.cells) == ["cell_3", "cell_4"]
    assert thin(counts_of(np.eye(3, dtype=int)), 0).first.n_cells == 0


class TestMatched:
    @pytest.fixture
    def named(self) -> Counts:
        matrix = np.arange(12).reshape(2, 6)
        return Counts.from_arrays(matrix, [*"abcde", "_other"], ["x", "y"])

    def test_the_same_genes_are_the_same_counts(self, named: Counts) -> None:
        assert named.matched(named.genes) is named

    def test_what_is_left_is_pooled(self, named: Counts) -> None:
        found = named.matched(pd.Index(["c", "a", "_other"]))
        np.testing.assert_array_equal(dense(found), [[2, 0, 13], [8, 6, 37]])
        np.testing.assert_array_equal(found.totals, [15, 51])
        assert list(found.genes) == ["c", "a", "_other"]

    def test_or_dropped_without_a_pool(self, named: Counts) -> None:
        found = named.matched(pd.Index(["c", "a"]))
        np.testing.assert_array_equal(dense(found), [[2, 0], [8, 6]])

    def test_a_pool_that_the_counts_lack(self) -> None:
        counts = Counts.from_arrays(np.arange(6).reshape(2, 3), list("abc"), ["x", "y"])
        found = counts.matched(pd.Index(["_other", "b"]))
        np.testing.assert_array_equal(dense(found), [[2, 1], [8, 4]])
        with pytest.raises(DataError, match="_other"):
            counts.matched(pd.Index(["a", "b", "c", "_other"]))

    def test_genes_that_no_cell_expresses_are_there(self, named: Counts) -> None:
        object.__setattr__(named, "report", Report(2, 7, dropped_genes=("silent",)))
        found = named.matched(pd.Index(["silent", "b"]))
        np.testing.assert_array_equal(dense(found), [[0, 1], [0, 7]])
        with pytest.raises(DataError, match=r"1 missing \(unknown\)"):
            named.matched(pd.Index(["silent", "unknown"]))
