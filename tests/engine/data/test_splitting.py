"""Counts split in two by binomial draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine import Counts, split_counts
from engine.errors import ConfigError, DataError


@pytest.fixture(scope="module")
def counts() -> Counts:
    values = np.random.default_rng(0).poisson(8.0, (300, 20))
    genes, cells = (f"g{j}" for j in range(20)), [f"c{j}" for j in range(300)]
    obs = pd.DataFrame({"type": ["a", "b"] * 150}, index=cells)
    return Counts.from_arrays(values, genes, cells, obs=obs, library_size=values.sum(1) * 2)


def dense(counts: Counts) -> np.ndarray:
    return counts.block(0, counts.n_cells)


def test_the_parts_add_up_and_each_count_is_drawn_by_itself(counts: Counts) -> None:
    first, second = split_counts(counts, 0.3, seed=1)
    assert (dense(first) + dense(second) == dense(counts)).all()
    assert first.totals == pytest.approx(dense(first).sum(1))
    drawn, values = dense(first), dense(counts)
    assert abs(drawn.sum() / values.sum() - 0.3) < 4 * np.sqrt(0.21 / values.sum())
    variance = np.var(drawn - 0.3 * values) / (0.21 * values.mean())
    assert abs(variance - 1) < 0.06
    # Of Poisson counts the parts are independent.
    parts = [part - part.mean(0) for part in (drawn, dense(second))]
    assert abs(np.corrcoef(parts[0].ravel(), parts[1].ravel())[0, 1]) < 4 / np.sqrt(values.size)
    assert first.obs.equals(counts.obs)
    assert (first.library_size >= first.totals).all()
    assert len({first.fingerprint, second.fingerprint, counts.fingerprint}) == 3


def test_a_cell_is_split_alike_whichever_others_are_there(counts: Counts) -> None:
    some = np.array([17, 3, 250])
    whole, _ = split_counts(counts)
    part, _ = split_counts(counts.take(some))
    assert (dense(part) == dense(whole)[some]).all()
    other, _ = split_counts(counts, seed=1)
    assert (dense(other) != dense(whole)).any()


@pytest.mark.parametrize("share", [0, 1, 1.5, True, "half", np.nan])
def test_a_share_that_leaves_a_part_empty_is_refused(counts: Counts, share: object) -> None:
    with pytest.raises(ConfigError, match="share above 0"):
        split_counts(counts, share)  # type: ignore[arg-type]


def test_a_cell_of_too_few_counts_is_refused() -> None:
    single = Counts.from_arrays(np.eye(3), ["a", "b", "c"], ["x", "y", "z"])
    with pytest.raises(DataError, match="without in one"):
        split_counts(single)
